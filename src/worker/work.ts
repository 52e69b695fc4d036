import { SENT_HEADER } from '../app/outgoing.ts'
import type { RegisteredTask } from '../app/registry.ts'
import type { Delivery } from '../broker/broker.ts'
import type { Job } from '../pool/pool.ts'
import { ONCE_HEADER, plainHeader } from '../protocol/headers.ts'
import type { TaskRequest } from '../protocol/task-message.ts'
import { isWornOut, Leased, Returned } from './lease-copy.ts'
import { startsOf } from './starts.ts'
import type { Updates } from './updates.ts'

/** Where tasks wait for their start. */
export interface Waiting {
  /** It waits here no longer. */
  withdraw(work: Work): void
}

/** Who has tasks in hand. */
export interface Holder {
  /** A copy of it is on its way from now on, or is not. */
  passedOn(work: Work): void
}

/** A task in this worker's hands, from intake until it is settled. */
export class Work {
  readonly request: TaskRequest
  /** Undefined: not registered here. */
  readonly task: RegisteredTask | undefined
  /** Epoch ms; undefined: at once. */
  readonly etaMs: number | undefined
  /** Epoch ms; `Infinity`: never. */
  readonly expiresAtMs: number
  /** Set while it runs. */
  job: Job | undefined
  /** What it told while it ran. */
  updates: Updates | undefined
  /** Epoch ms of the start of its function. */
  startedAtMs: number | undefined
  /** The worker cut it off: it stops. */
  isCutOff = false
  /** It was given out before: what became of it then is not known. Not so of one that was adopted: it never left us. */
  readonly isAgain: boolean
  /** Who has it in hand. */
  holder: Holder | undefined
  /** Called when that copy, which is here, may start. */
  onLeft: (() => void) | undefined
  /** Called when its message is lost to us before it began. */
  onLost: (() => Promise<void>) | undefined
  /** Starts of it that ended with their worker, as far as the broker can tell. */
  readonly deaths: number
  /** How many the broker would tell of, if this worker died now. */
  wouldTell: number
  /** It came back from a lease. */
  readonly isFromLease: boolean
  /** Where it waits for its start: for a slot of its pool, or for its rate limit. */
  waitsIn: Waiting | undefined
  /** Its rate limit has let it pass. */
  isPaced = false
  /** It is being moved under a lease: settles when that has succeeded, or not. */
  moving: Promise<boolean> | undefined
  /** It has been moved under a lease. */
  isLeased = false
  #isPassedOn = false
  #delivery: Delivery
  #older: Delivery[] | undefined
  #isAckedEarly = false
  #isSettled = false

  constructor(
    delivery: Delivery,
    request: TaskRequest,
    task?: RegisteredTask,
    etaMs?: number,
    expiresAtMs: number = Infinity,
  ) {
    this.#delivery = delivery
    this.isAgain = delivery.redelivered
    this.isFromLease = delivery instanceof Returned
    const starts = startsOf(delivery.message)
    this.deaths = starts + (this.isAgain ? 1 : 0)
    // What is unacknowledged when a worker dies comes redelivered, and redelivered it is once at most.
    this.wouldTell = starts + 1
    this.request = request
    this.task = task
    this.etaMs = etaMs
    this.expiresAtMs = expiresAtMs
  }

  /** What tells this run of the task from others: a retry has the same id. Put together when it is asked for. */
  get key(): string {
    return workKey(this.request)
  }

  /** A copy of its message is on its way to take its place. */
  get isPassedOn(): boolean {
    return this.#isPassedOn
  }

  set isPassedOn(isPassedOn: boolean) {
    this.#isPassedOn = isPassedOn
    this.holder?.passedOn(this)
  }

  /** Its function has been called, or is about to be. */
  get hasStarted(): boolean {
    return this.job !== undefined || this.startedAtMs !== undefined
  }

  /** The newest delivery of its message. */
  get delivery(): Delivery {
    return this.#delivery
  }

  /** The broker gave it out more than once, or it is a copy of what somebody else had: another run of it may have ended. */
  get cameAgain(): boolean {
    return this.isAgain || this.deaths > 0 || this.isFromLease || this.#older !== undefined
  }

  /** Acknowledged before its run: what goes wrong now cannot be mended by giving the message back. */
  get isAckedEarly(): boolean {
    return this.#isAckedEarly
  }

  /** Its message has been acknowledged or given back: one that comes now is another run. */
  get isSettled(): boolean {
    return this.#isSettled
  }

  /** False: the broker gives its message to somebody again, and running it here would be once too often. */
  get isOurs(): boolean {
    return this.#delivery.isOurs || this.#older?.some((delivery) => delivery.isOurs) === true
  }

  /** The delivery that was taken first, of those that the broker may take back. */
  get oldest(): Delivery | undefined {
    return [...(this.#older ?? []), this.#delivery].find((delivery) => delivery.isOurs)
  }

  /** It may go back as it is: it is not counted, or is counted before its next start anyway. */
  get canRequeue(): boolean {
    const deliveries = [...(this.#older ?? []), this.#delivery]
    if (!this.isOurs) return true
    if (deliveries.some((delivery) => delivery instanceof Leased || isWornOut(delivery.message))) return false
    return this.isAgain || this.deaths === 0
  }

  /** Nobody stores or sends what comes of it. */
  get ignoresResult(): boolean {
    return this.request.ignoreResult || this.task?.options.ignoreResult === true
  }

  /** The broker handed the message out again, having lost us for a moment; this delivery is as good as the one before. */
  adopt(delivery: Delivery): void {
    if (this.#isAckedEarly) return void delivery.ack()
    const older = (this.#older ??= [])
    older.push(this.#delivery)
    this.#delivery = delivery
  }

  /** Its message is under a lease, and all deliveries of it but that one are done with. */
  keepOnly(leased: Delivery): void {
    for (const delivery of [...(this.#older ?? []), this.#delivery]) if (delivery !== leased) delivery.ack()
    this.#delivery = leased
    this.#older = undefined
    this.isLeased = true
  }

  /** False: the message is not ours any more, and somebody else will run it. */
  ackEarly(): boolean {
    // First, because the broker may hand out a second copy at once, which is then acknowledged too, and not adopted.
    this.#isAckedEarly = true
    this.#isAckedEarly = this.#settle((delivery) => delivery.ack())
    return this.#isAckedEarly
  }

  /** False: the message is not ours any more, and somebody will run it again. */
  ack(): boolean {
    this.#isSettled = true
    if (this.#isAckedEarly) return true
    return this.#settle((delivery) => delivery.ack())
  }

  /** Back to its queue. */
  requeue(): boolean {
    // First, because a broker in this process hands it out again at once.
    this.#isSettled = true
    if (this.#isAckedEarly) return false
    return this.#settle((delivery) => delivery.requeue())
  }

  /** Milliseconds from when it was sent, or was due, to its start; undefined where that is not known. */
  get waitMs(): number | undefined {
    const sent = plainHeader(this.request.custom[SENT_HEADER])
    if (this.startedAtMs === undefined || typeof sent !== 'number') return undefined
    return Math.max(0, this.startedAtMs - Math.max(sent, this.etaMs ?? 0))
  }

  #settle(settle: (delivery: Delivery) => boolean): boolean {
    const isSettled = settle(this.#delivery)
    if (!this.#older) return isSettled
    // Older deliveries are mostly stale; one that is not is a copy of the same message, and is done with as well.
    return this.#older.map(settle).includes(true) || isSettled
  }
}

/**
 * Of messages of one task of which one is run, each is a work of its own: one that is dropped must not take another with it.
 * @see Work.key
 */
export function workKey({ id, retries, custom }: TaskRequest): string {
  const mark = custom[ONCE_HEADER]
  return mark === undefined ? `${retries} ${id}` : `${retries} ${id} ${String(plainHeader(mark))}`
}
