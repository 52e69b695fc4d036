import type { Message } from '../../protocol/message.ts'
import type { Keyspace } from '../redis/keyspace.ts'
import { type MessageWatch, taskIdOf } from './ledger.ts'

/** A message of a task, in a list or in somebody's hands. */
interface Copy {
  readonly message: Message
  readonly queue: string
}

/** Before the name of a queue: what waits for its time to come into it, each text behind one digit. */
const DELAYED = '_lovage.v1.delayed.'

/** Stands between the name of a queue and the step of each of its lists but the first. */
const SEPARATOR = '\x06\x16'

/**
 * Counts the copies of each message: what stands in lists, in `unacked`, and among what waits for its time. What one step moves from one to the other is
 * one copy still; what it adds was accepted, and what it takes away is done with.
 */
export class RedisCounts {
  readonly #watch: MessageWatch
  readonly #blame: (problem: string) => void
  readonly #db: () => Keyspace
  /** Of each key what was in it: how often each text. */
  readonly #before = new Map<string, Map<string, number>>()
  readonly #copies = new Map<string, Copy | undefined>()

  constructor(watch: MessageWatch, blame: (problem: string) => void, db: () => Keyspace) {
    this.#watch = watch
    this.#blame = blame
    this.#db = db
  }

  /** These keys have changed in one step, which was asked for with these arguments. */
  look(keys: ReadonlySet<string>, args: readonly string[]): void {
    const changes = new Map<string, { by: number; readonly copy: Copy }>()
    for (const key of keys) {
      const texts = this.#textsOf(key)
      if (!texts) continue
      const before = this.#before.get(key) ?? new Map<string, number>()
      this.#before.set(key, texts)
      for (const text of new Set([...texts.keys(), ...before.keys()])) {
        const by = (texts.get(text) ?? 0) - (before.get(text) ?? 0)
        const copy = by === 0 ? undefined : this.#copyOf(key, text)
        if (!copy) continue
        const name = `${String(taskIdOf(copy.message))} ${copy.queue}`
        const change = changes.get(name) ?? { by: 0, copy }
        change.by += by
        changes.set(name, change)
      }
    }
    for (const { by, copy } of changes.values()) {
      // Who makes a copy has its text; a step that was told of none has taken a message, and left it as well.
      const id = String(taskIdOf(copy.message))
      if (by > 0 && !args.some((arg) => arg.includes(id)))
        this.#blame(`a copy of task ${id} in ${copy.queue} came of none`)
      for (let left = by; left > 0; left--) this.#watch.accepted(copy.message, copy.queue)
      for (let left = by; left < 0; left++) this.#watch.settled(copy.message, copy.queue)
    }
  }

  /** Undefined for keys that hold no messages. */
  #textsOf(key: string): Map<string, number> | undefined {
    const value = this.#db().get(key)
    const isHash = key === 'unacked' || key.startsWith(DELAYED)
    const texts = Array.isArray(value) ? value : isHash && value instanceof Map ? [...value.values()] : undefined
    if (!texts && !this.#before.has(key)) return undefined
    const counts = new Map<string, number>()
    for (const text of texts ?? []) counts.set(text, (counts.get(text) ?? 0) + 1)
    return counts
  }

  /** The message of a text, where it is one of a task. */
  #copyOf(key: string, text: string): Copy | undefined {
    const name = `${key} ${text}`
    if (this.#copies.has(name)) return this.#copies.get(name)
    const copy = readCopy(key, text)
    this.#copies.set(name, copy)
    return copy
  }
}

interface Envelope {
  readonly headers: Message['headers']
  readonly properties: { readonly expiration?: string }
}

function readCopy(key: string, text: string): Copy | undefined {
  if (key.startsWith(DELAYED)) return readCopy(key.slice(DELAYED.length), text.slice(1))
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(text, 'latin1').toString('utf8'))
  } catch {
    return undefined
  }
  const [envelope, , routingKey] = (key === 'unacked' ? value : [value, '', key]) as [Envelope, string, string]
  const { headers, properties } = envelope
  const expirationMs = properties?.expiration === undefined ? undefined : Number(properties.expiration)
  const message = { headers, ...(expirationMs !== undefined && { expirationMs }) } as Message
  if (!headers || taskIdOf(message) === undefined) return undefined
  return { message, queue: routingKey.split(SEPARATOR, 1)[0] as string }
}
