import type { Control } from '../app/control.ts'
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'

/** How long what was found out of a task that somebody knows is believed; of one that nobody knows, less. */
const KNOWN_MS = 10_000
const UNKNOWN_MS = 1_000

/** A worker that is alive answers sooner; one that has answered before, and does not now, is given more time. */
const ANSWER_MS = 1_000
const SECOND_ANSWER_MS = 3_000

/** Nodes, and pairs of task and queue, that are remembered. */
const MOST_REMEMBERED = 1_000

/** Tells which other workers there are, and what they do. */
export interface Peers {
  /** Whether another worker that is alive reads this queue, and knows this task. */
  know(task: string, queue: string): Promise<boolean>
}

/** One answer of a node. */
export interface PeerReply {
  readonly hostname: string
  readonly value: unknown
}

/** Sends a command to all nodes, and calls `onReply` with each answer until nobody has answered for so long. */
export type AskPeers = (
  command: string,
  given: Readonly<Record<string, unknown>>,
  timeoutMs: number,
  onReply: (reply: PeerReply) => void,
) => Promise<unknown>

interface Node {
  tasks?: ReadonlySet<string>
  queues?: ReadonlySet<string>
}

/** Finds it out by remote control: each node is asked for its tasks, and for its queues. */
export class AskedPeers implements Peers {
  readonly #ask: AskPeers
  readonly #clock: Clock
  /** What was found, or is being found, by task and queue. */
  readonly #found = new Map<string, { readonly answer: Promise<boolean>; untilMs: number }>()
  /** Nodes that have answered, by when they last did. */
  readonly #seen = new Map<string, number>()

  constructor(ask: AskPeers, clock: Clock) {
    this.#ask = ask
    this.#clock = clock
  }

  know(task: string, queue: string): Promise<boolean> {
    const key = JSON.stringify([task, queue])
    const found = this.#found.get(key)
    if (found && found.untilMs > this.#clock.monotonic()) return found.answer
    const entry = { answer: this.#find(task, queue), untilMs: Infinity }
    this.#found.delete(key)
    remember(this.#found, key, entry)
    void entry.answer.then((isKnown) => {
      entry.untilMs = this.#clock.monotonic() + (isKnown ? KNOWN_MS : UNKNOWN_MS)
    })
    return entry.answer
  }

  /** Where nobody can be asked, somebody may know: what is not known must not end among the dead letters. */
  async #find(task: string, queue: string): Promise<boolean> {
    try {
      const nodes = new Map<string, Node>()
      if (await this.#inTime(task, queue, nodes, ANSWER_MS)) return true
      const areSilent = [...this.#seen.keys()].some((name) => !isWhole(nodes.get(name)))
      for (const [name, node] of nodes) if (isWhole(node)) remember(this.#seen, name, this.#clock.monotonic())
      if (!areSilent) return false
      // Busy, perhaps, or gone: it is asked once more, and then forgotten.
      const isKnown = await this.#inTime(task, queue, nodes, SECOND_ANSWER_MS)
      for (const name of this.#seen.keys()) if (!isWhole(nodes.get(name))) this.#seen.delete(name)
      return isKnown
    } catch (error) {
      log('warn', 'worker', 'other workers cannot be asked for their tasks', { task, queue, error: messageOf(error) })
      return true
    }
  }

  /** Resolves with the first node that does both; else when all that answer have answered. */
  #inTime(task: string, queue: string, nodes: Map<string, Node>, timeoutMs: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const take = (hostname: string, part: Node): void => {
        const node = { ...nodes.get(hostname), ...part }
        remember(nodes, hostname, node)
        if (!node.tasks?.has(task) || !node.queues?.has(queue)) return
        remember(this.#seen, hostname, this.#clock.monotonic())
        resolve(true)
      }
      const asked = [
        this.#ask('registered', { builtins: true }, timeoutMs, (one) => take(one.hostname, { tasks: tasksOf(one) })),
        this.#ask('active_queues', {}, timeoutMs, (one) => take(one.hostname, { queues: queuesOf(one) })),
      ]
      Promise.all(asked).then(() => resolve(false), reject)
    })
  }
}

/** Asks over the remote control of an application. */
export function askedPeers(control: Pick<Control, 'broadcast'>, clock: Clock): Peers {
  return new AskedPeers(
    (command, given, timeout, onReply) =>
      control.broadcast(command, { reply: true, arguments: given, timeout, onReply }),
    clock,
  )
}

function isWhole(node: Node | undefined): boolean {
  return node?.tasks !== undefined && node.queues !== undefined
}

/** Celery writes options behind the name of a task: `shop.add [rate_limit=10/m]`. */
function tasksOf({ value }: PeerReply): ReadonlySet<string> {
  const names = Array.isArray(value) ? (value as unknown[]) : []
  return new Set(names.filter((name) => typeof name === 'string').map((name) => name.replace(/ \[.*$/s, '')))
}

function queuesOf({ value }: PeerReply): ReadonlySet<string> {
  const queues = Array.isArray(value) ? (value as unknown[]) : []
  return new Set(queues.map((queue) => String((queue as { name?: unknown } | null)?.name)))
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > MOST_REMEMBERED) map.delete(map.keys().next().value as string)
}
