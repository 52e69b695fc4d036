import type { Control } from '../app/control.ts'
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'

/** How long what was found out of a task that somebody knows is believed; of one that nobody knows, less. */
const KNOWN_MS = 10_000
const UNKNOWN_MS = 1_000

/** While the last worker that knew a task is started anew its tasks wait: so long after it was last seen. */
const MISSED_MS = 60_000

/** Tasks that are remembered as known to somebody. */
const MOST_TASKS = 10_000

/** A worker that is alive answers sooner; one that has answered before, and does not now, is given more time. */
const ANSWER_MS = 1_000
const SECOND_ANSWER_MS = 3_000

/** Nodes that are told apart. */
const MOST_NODES = 1_000

/** Tells which other workers there are, and what they do. */
export interface Peers {
  /** Whether another worker that is alive, or was a minute ago, reads this queue and knows this task. */
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

/** Finds it out by remote control: all nodes are asked for their tasks and their queues, for all who want to know at a time. */
export class AskedPeers implements Peers {
  readonly #ask: AskPeers
  readonly #clock: Clock
  readonly #self: string | undefined
  #round: Promise<ReadonlyMap<string, Node> | undefined> | undefined
  /** What the last round found, and when that was. */
  #last: { readonly nodes: ReadonlyMap<string, Node>; readonly atMs: number } | undefined
  /** Nodes that have answered. */
  readonly #seen = new Map<string, true>()
  /** When somebody was last known to know a task: by queue and task, in the order of those times. */
  readonly #knownAtMs = new Map<string, number>()

  /** @param self the node that asks, where it can be asked itself: who does not hear its own answer hears nobody's */
  constructor(ask: AskPeers, clock: Clock, self?: string) {
    this.#ask = ask
    this.#clock = clock
    this.#self = self
  }

  async know(task: string, queue: string): Promise<boolean> {
    if (this.#last) {
      const ageMs = this.#clock.monotonic() - this.#last.atMs
      if (ageMs < KNOWN_MS && isKnownTo(this.#last.nodes, task, queue)) return true
      if (ageMs < UNKNOWN_MS) return this.#isMissed(task, queue)
    }
    this.#round ??= this.#askAll().finally(() => (this.#round = undefined))
    const nodes = await this.#round
    // Where nobody can be asked, somebody may know: what is not known must not end among the dead letters.
    if (nodes === undefined) return true
    if (!isKnownTo(nodes, task, queue)) return this.#isMissed(task, queue)
    this.#remember(`${queue}\n${task}`)
    return true
  }

  #isMissed(task: string, queue: string): boolean {
    const atMs = this.#knownAtMs.get(`${queue}\n${task}`)
    return atMs !== undefined && this.#clock.monotonic() - atMs < MISSED_MS
  }

  #remember(key: string): void {
    this.#knownAtMs.delete(key)
    this.#knownAtMs.set(key, this.#clock.monotonic())
    if (this.#knownAtMs.size <= MOST_TASKS) return
    const [oldest] = this.#knownAtMs.keys()
    if (oldest !== undefined) this.#knownAtMs.delete(oldest)
  }

  async #askAll(): Promise<ReadonlyMap<string, Node> | undefined> {
    const nodes = new Map<string, Node>()
    const own = this.#self === undefined ? [] : [this.#self]
    const isMissing = (name: string): boolean => !isWhole(nodes.get(name))
    try {
      await this.#askOnce(nodes, ANSWER_MS)
      // Busy, perhaps, or gone: it is asked once more, and then forgotten. So is who has told one half of it.
      const expected = [...own, ...this.#seen.keys(), ...nodes.keys()]
      if (expected.some(isMissing)) await this.#askOnce(nodes, SECOND_ANSWER_MS)
      // Answers were lost with a connection, or its loop was blocked: silence says nothing then.
      if (own.some(isMissing)) throw new Error('this worker did not hear its own answer')
    } catch (error) {
      log('warn', 'worker', 'other workers cannot be asked for their tasks', { error: messageOf(error) })
      return undefined
    }
    this.#seen.clear()
    for (const [name, node] of nodes) if (isWhole(node)) this.#seen.set(name, true)
    this.#last = { nodes, atMs: this.#clock.monotonic() }
    return nodes
  }

  async #askOnce(nodes: Map<string, Node>, timeoutMs: number): Promise<void> {
    const take = (hostname: string, part: Node): void => {
      if (nodes.size < MOST_NODES || nodes.has(hostname)) nodes.set(hostname, { ...nodes.get(hostname), ...part })
    }
    await Promise.all([
      this.#ask('registered', { builtins: true }, timeoutMs, (one) => take(one.hostname, { tasks: tasksOf(one) })),
      this.#ask('active_queues', {}, timeoutMs, (one) => take(one.hostname, { queues: queuesOf(one) })),
    ])
  }
}

function isKnownTo(nodes: ReadonlyMap<string, Node>, task: string, queue: string): boolean {
  for (const { tasks, queues } of nodes.values()) if (tasks?.has(task) && queues?.has(queue)) return true
  return false
}

/** Asks over the remote control of an application; `self` as {@link AskedPeers} has it. */
export function askedPeers(control: Pick<Control, 'broadcast'>, clock: Clock, self: string | undefined): Peers {
  return new AskedPeers(
    (command, given, timeout, onReply) =>
      control.broadcast(command, { reply: true, arguments: given, timeout, onReply }),
    clock,
    self,
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
