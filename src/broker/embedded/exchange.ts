import type { ExchangeSpec } from '../broker.ts'

/** Routing keys come from messages, so what is remembered of them is bounded. */
const REMEMBERED_ROUTES = 1024

/** Decides which queues a message goes to. */
export class Exchange {
  readonly spec: ExchangeSpec
  /** Queue name -> routing keys it is bound with. */
  #bindings = new Map<string, Set<string>>()
  #routes = new Map<string, readonly string[]>()

  constructor(spec: ExchangeSpec) {
    this.spec = spec
  }

  get isBound(): boolean {
    return this.#bindings.size > 0
  }

  /** False when it was bound so before. */
  bind(queue: string, routingKey: string): boolean {
    const keys = this.#bindings.get(queue)
    if (keys?.has(routingKey)) return false
    if (keys) keys.add(routingKey)
    else this.#bindings.set(queue, new Set([routingKey]))
    this.#routes.clear()
    return true
  }

  /** Forgets a queue; returns whether it was bound. */
  unbind(queue: string): boolean {
    this.#routes.clear()
    return this.#bindings.delete(queue)
  }

  /** The names of the queues that take a message with this routing key, each once. */
  route(routingKey: string): readonly string[] {
    const known = this.#routes.get(routingKey)
    if (known) return known
    const queues: string[] = []
    for (const [queue, keys] of this.#bindings) {
      for (const key of keys) {
        if (!this.#matches(key, routingKey)) continue
        queues.push(queue)
        break
      }
    }
    if (this.#routes.size >= REMEMBERED_ROUTES) this.#routes.clear()
    this.#routes.set(routingKey, queues)
    return queues
  }

  #matches(bound: string, routingKey: string): boolean {
    if (this.spec.type === 'fanout') return true
    if (this.spec.type === 'direct') return bound === routingKey
    return topicMatches(bound.split('.'), routingKey.split('.'))
  }
}

/** Whether a topic pattern (`*` is one word, `#` any number of words) takes a routing key. */
export function topicMatches(pattern: readonly string[], words: readonly string[]): boolean {
  // As with globs: on a mismatch the last `#` swallows one more word and the rest is tried again. No recursion, so a
  // pattern full of `#` costs pattern times words at most.
  let at = 0
  let word = 0
  let lastHash = -1
  let wordAtHash = 0
  while (word < words.length) {
    if (pattern[at] === '#') {
      lastHash = at++
      wordAtHash = word
    } else if (at < pattern.length && (pattern[at] === '*' || pattern[at] === words[word])) {
      at++
      word++
    } else if (lastHash >= 0) {
      at = lastHash + 1
      word = ++wordAtHash
    } else {
      return false
    }
  }
  while (pattern[at] === '#') at++
  return at === pattern.length
}
