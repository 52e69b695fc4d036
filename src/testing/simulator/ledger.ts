import { isReady, type Outcome } from '../../protocol/outcome.ts'
import type { Message } from '../../protocol/message.ts'
import { parseIso } from '../../protocol/iso-time.ts'
import type { Trace } from './trace.ts'

/** Told of what becomes of each message. */
export interface MessageWatch {
  /** A queue has it. */
  accepted(message: Message, queue: string): void
  /** A consumer is done with it. */
  settled(message: Message, queue: string): void
  /** Nobody will ever get it: it expired, or its queue is gone. */
  dropped(message: Message, queue: string): void
}

/** What is known of one task. */
export interface TaskFacts {
  readonly id: string
  /** How it is called in the trace: its call and the beginning of its id. */
  name: string
  /** Messages that were handed to a broker, by senders. */
  sent: number
  /** Sendings that resolved. */
  confirmed: number
  /** Copies of its message that came to a queue of tasks, and those that are done with. */
  accepted: number
  settled: number
  /** Starts of its function, and ends of it. */
  starts: number
  ends: number
  /** Final outcomes that were stored. */
  readonly outcomes: Outcome[]
  /** Copies of its message in dead letters. */
  dead: number
  /** It has no outcome to store: its result is ignored, or it ended by `Ignore` or `Reject`. */
  isUnstored: boolean
  /** When its messages may be dropped unread, monotonic; Infinity is never. */
  expiresAtMs: number
  /** It is acknowledged before its start, by its own wish (`acksLate: false`): it may be lost with its worker. */
  isAckedEarly: boolean
  /** When each of its runs may begin, epoch ms, by the number of retries before; where it must wait. */
  readonly dueMs: Map<number, number>
}

/** How a task is started. */
interface Start {
  /** Its process cannot know yet that its connection is lost. */
  readonly isBlind: boolean
  readonly retries: number
  /** By the clock of its process, epoch ms. */
  readonly nowMs: number
}

/** What is known of one wait for an outcome. */
interface Waiter {
  readonly id: string
  readonly process: string
  readonly lossesBefore: number
  readonly hasHeard: () => boolean
}

/** How long an outcome may take from its storing to who waits for it. */
const HEARD_MS = 30_000

/** What happened to every message of a schedule, and what of it must not be. */
export class Ledger implements MessageWatch {
  readonly tasks = new Map<string, TaskFacts>()
  /** Names of tasks that are acknowledged before their start. */
  readonly ackedEarly = new Set<string>()
  /**
   * The broker says only what it has confirmed, and not what it has: nothing is known of single messages, and only the ends
   * of tasks are judged.
   */
  isCoarse = false
  /** Something happened for which a task may be started more than once a message. */
  isTroubled = false
  readonly #trace: Trace
  readonly #nowMs: () => number
  readonly #waiters = new Set<Waiter>()
  /** Losses of its connection, by process. */
  readonly #losses = new Map<string, number>()
  readonly #storedAtMs = new Map<string, number>()
  /** Outcomes of what was never sent: what it was to follow, by id. */
  readonly #abandoned = new Map<string, string>()
  #problem: string | undefined

  constructor(trace: Trace, nowMs: () => number) {
    this.#trace = trace
    this.#nowMs = nowMs
  }

  /** The first promise that was broken. */
  get problem(): string | undefined {
    return this.#problem
  }

  blame(problem: string): void {
    this.#trace.add('', `BROKEN: ${problem}`)
    this.#problem ??= problem
  }

  /** Messages of tasks that wait, or that somebody has in hand. */
  get unsettled(): number {
    let count = 0
    for (const task of this.tasks.values()) {
      if (this.#isExpired(task)) continue
      count += this.isCoarse ? Number(task.confirmed > 0 && !this.#isOver(task)) : task.accepted - task.settled
    }
    return count
  }

  sending(process: string, message: Message, id: string): void {
    const task = this.#task(id)
    if (task.sent++ === 0) task.name = nameOf(message, id)
    const { eta, retries } = message.headers
    if (typeof eta === 'string') task.dueMs.set(Number(retries ?? 0), parseIso(eta))
    this.#trace.add(process, `sends ${task.name}`)
  }

  confirmed(process: string, id: string): void {
    const task = this.#task(id)
    task.confirmed++
    this.#trace.add(process, `was confirmed ${task.name}`)
  }

  accepted(message: Message, queue: string): void {
    const id = taskIdOf(message)
    if (id === undefined) return
    const task = this.#task(id)
    this.#trace.add('broker', `has ${task.name} in ${queue}`)
    if (queue.endsWith('.dead')) task.dead++
    else task.accepted++
    if (task.sent === 0) this.blame(`message ${task.name} is in ${queue}, and nobody sent it`)
    if (message.headers['ignore_result'] === true) task.isUnstored = true
    task.isAckedEarly ||= this.ackedEarly.has(String(message.headers['task']))
    const { expirationMs } = message
    if (expirationMs !== undefined) task.expiresAtMs = Math.min(task.expiresAtMs, this.#nowMs() + expirationMs)
  }

  settled(message: Message, queue: string): void {
    const id = taskIdOf(message)
    if (id === undefined) return
    const task = this.#task(id)
    this.#trace.add('broker', `is done with a copy of ${task.name} in ${queue}`)
    if (queue.endsWith('.dead')) task.dead--
    else task.settled++
  }

  dropped(message: Message, queue: string): void {
    const id = taskIdOf(message)
    if (id === undefined) return
    const task = this.#task(id)
    this.#trace.add('broker', `drops ${task.name} in ${queue}`)
    if (queue.endsWith('.dead')) task.dead--
    else task.settled++
  }

  started(process: string, id: string, { isBlind, retries, nowMs }: Start): void {
    const task = this.#task(id)
    this.#trace.add(process, `starts ${task.name}`)
    task.starts++
    const earlyMs = (task.dueMs.get(retries) ?? -Infinity) - nowMs
    if (earlyMs > 0) this.blame(`${task.name} was started in ${process} ${earlyMs} ms before its time`)
    const isOver = task.outcomes.length > 0 && task.accepted === task.settled
    if (isOver && !this.isCoarse && !isBlind && !task.isAckedEarly) {
      this.blame(
        `${task.name} was started in ${process} after its outcome was stored and all its messages acknowledged`,
      )
    }
  }

  ended(process: string, id: string, how: string, isUnstored: boolean): void {
    const task = this.#task(id)
    this.#trace.add(process, `${how} ${task.name}`)
    task.ends++
    task.isUnstored ||= isUnstored
  }

  stored(process: string, outcome: Outcome): void {
    const { id, state, parentId } = outcome
    const task = this.#task(id)
    // One that never ran, because that which it was to follow failed.
    const isAbandoned = parentId !== undefined && state !== 'SUCCESS'
    if (task.sent === 0 && isAbandoned) this.#abandoned.set(id, parentId)
    this.#trace.add(process, `has stored ${state} of ${task.name}`)
    if (task.sent === 0 && !isAbandoned) this.blame(`an outcome of ${task.name} was stored, and nobody sent it`)
    if (!isReady(state)) return
    task.outcomes.push(outcome)
    this.#storedAtMs.set(id, this.#nowMs())
  }

  /** A process has lost its connection. */
  lost(process: string, why: string): void {
    this.isTroubled = true
    this.#trace.add(process, `loses its connection: ${why}`)
    this.#losses.set(process, this.#lossesOf(process) + 1)
  }

  /** Ids that a process waits for, and has not heard of. */
  unheard(process: string): number {
    const waiters = [...this.#waiters].filter((waiter) => waiter.process === process && !waiter.hasHeard())
    return new Set(waiters.map(({ id }) => id)).size
  }

  /** Somebody waits for an outcome; returns how to tell that it waits no longer, by its will or because it died. */
  expects(process: string, id: string, hasHeard: () => boolean): (isDead?: boolean) => void {
    const waiter: Waiter = { id, process, lossesBefore: this.#lossesOf(process), hasHeard }
    this.#waiters.add(waiter)
    return (isDead = false) => {
      if (!this.#waiters.delete(waiter) || isDead) return
      this.#judgeWaiter(waiter)
    }
  }

  /** Looks at everything once nothing more will happen. */
  judge(): void {
    for (const task of this.tasks.values()) this.#judgeTask(task)
    for (const [id, parentId] of this.#abandoned) {
      if (!this.tasks.has(parentId))
        this.blame(`${this.#task(id).name} was ended because of ${parentId}, which nobody knows`)
    }
    for (const waiter of this.#waiters) this.#judgeWaiter(waiter)
  }

  #judgeTask(task: TaskFacts): void {
    const { name, confirmed, accepted, settled } = task
    if (!this.isCoarse && accepted !== settled && !this.#isExpired(task))
      this.blame(`${accepted - settled} messages of ${name} were never settled`)
    if (!this.isCoarse && !this.isTroubled && task.starts > accepted) {
      this.blame(`${name} was started ${task.starts} times for ${accepted} messages, and nothing had gone wrong`)
    }
    if (confirmed > 0 && !this.#isOver(task)) this.blame(`the message of ${name} was confirmed, and has no outcome`)
  }

  /** It has come to an end that may be one. */
  #isOver(task: TaskFacts): boolean {
    const { outcomes, dead, isAckedEarly, isUnstored, ends } = task
    return outcomes.length > 0 || dead > 0 || this.#isExpired(task) || isAckedEarly || (isUnstored && ends > 0)
  }

  #judgeWaiter({ id, process, lossesBefore, hasHeard }: Waiter): void {
    const storedAtMs = this.#storedAtMs.get(id)
    if (storedAtMs === undefined || this.#nowMs() < storedAtMs + HEARD_MS) return
    if (lossesBefore === this.#lossesOf(process) && !hasHeard()) {
      this.blame(
        `the outcome of ${this.#task(id).name} was stored, and ${process}, which waits for it, has not heard of it`,
      )
    }
  }

  #isExpired({ expiresAtMs }: TaskFacts): boolean {
    return expiresAtMs < this.#nowMs()
  }

  #lossesOf(process: string): number {
    return this.#losses.get(process) ?? 0
  }

  #task(id: string): TaskFacts {
    let task = this.tasks.get(id)
    if (!task) {
      const counts = { sent: 0, confirmed: 0, accepted: 0, settled: 0, starts: 0, ends: 0, dead: 0 }
      const flags = { isUnstored: false, isAckedEarly: false }
      const lists = { outcomes: [], dueMs: new Map<number, number>() }
      this.tasks.set(id, (task = { id, name: short(id), ...lists, expiresAtMs: Infinity, ...counts, ...flags }))
    }
    return task
  }
}

/** `shop.add(2, 3) 6d1f0c2a`, where nobody has given the task an id of his own. */
function nameOf({ headers }: Message, id: string): string {
  const args = typeof headers['argsrepr'] === 'string' ? headers['argsrepr'].replace(/,\)$/, ')') : '(...)'
  return `${String(headers['task'])}${args} ${short(id)}`
}

function short(id: string): string {
  return /^[\da-f]{8}-[\da-f]{4}-4/.test(id) ? id.slice(0, 8) : id
}

/** The id of a task, where the message is one. */
export function taskIdOf({ headers }: Message): string | undefined {
  return typeof headers['id'] === 'string' && typeof headers['task'] === 'string' ? headers['id'] : undefined
}
