import { type Clock, deadline, sleep, type Timer } from '../base/clock.ts'
import { isLovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { Broker, Consumer, Delivery, Topology } from '../broker/broker.ts'
import { cancelConsumer } from './ending.ts'
import type { InHand } from './in-hand.ts'
import { Acknowledged, copyOf, LEASE_PREFIX, Leased, leaseOf, StrayLease } from './lease-copy.ts'
import type { Tally } from './tally.ts'
import type { Work } from './work.ts'

/**
 * How long a copy may lie in the queue of leases before somebody holds it; afterwards it goes back to where it came from.
 * One that is held when its worker dies is older than that, and goes back at once.
 */
const TTL_MS = 5_000

/**
 * How old the queue must be before anything is moved to it: RabbitMQ writes down what was declared up to two seconds late,
 * and a queue that it has not written down is gone when it is killed.
 */
const SETTLES_MS = 3_000

/** When the queue of a dead worker goes: long after all that was in it has gone back, even to a queue that is not there now. */
const EXPIRES_MS = 86_400_000

/** Copies that are published before the first of them are confirmed. */
const AT_ONCE = 100

/** Most copies that are late and known; of others it is not known which task they are of, but by its id. */
const MAX_LATE = 1_000

/** What leasing needs. */
export interface LeaseOptions {
  readonly broker: Broker
  readonly clock: Clock
  readonly hostname: string
  /** After so long RabbitMQ takes a delivery back; 0: never. */
  readonly consumerTimeoutMs: number
  readonly inHand: InHand
  readonly tally: Tally
  /** A copy came that nobody waits for. */
  readonly onStray: (delivery: Delivery) => void
  /** There are more tasks under lease, or fewer. */
  readonly onChange: () => void
  /** Gives back a task that waits for its start. */
  readonly giveBack: (work: Work) => void
  /** Aborts when the worker cannot wait any longer; what is not on its way by then stays where it is. */
  readonly giveUp: AbortSignal
}

/** A copy on its way to us. */
interface Awaited {
  readonly work: Work
  readonly arrived: (copy: Leased) => void
}

/**
 * Keeps messages in hand for longer than the broker lets a consumer: in time a copy takes the place of each, and so on.
 * The copy lies in a queue of this worker alone, from which messages expire, when nobody holds them, back into the queue
 * that their routing key names. So there is an instant with two copies, and none without one.
 */
export class Leases {
  readonly #options: LeaseOptions
  readonly #name: string
  /** One for each move that is under way. */
  readonly #awaited = new Map<string, Awaited>()
  /** Of moves that have failed: they may come all the same. */
  readonly #late = new Map<string, Awaited>()
  /** Since when, monotonic, the oldest delivery of each task is known here. */
  readonly #seen = new WeakMap<Delivery, number>()
  #size = 0
  #opening: Promise<void> | undefined
  #isSettled = false
  #consumer: Consumer | undefined
  #timer: Timer | undefined
  #isEnded = false
  /** Copies that came here and were not acknowledged: they may lie in the queue again. */
  #unacked = 0

  constructor(options: LeaseOptions) {
    this.#options = options
    const { clock, hostname } = options
    // Many workers of one host have one name. The rest of 255 bytes is left to who makes names of this one.
    this.#name = `${LEASE_PREFIX}${Buffer.from(hostname).subarray(0, 150).toString()}.${clock.uuid().slice(0, 8)}`
    if (this.isPossible && options.consumerTimeoutMs > 0) this.#plan()
  }

  /** The broker takes messages back, and can be made to send them back. */
  get isPossible(): boolean {
    return this.#options.broker.hasConsumerTimeout === true
  }

  /** Whether a message can be moved at once. Where not, it is seen to that it soon can. */
  isReady(): boolean {
    if (!this.isPossible || this.#isSettled || this.#isEnded || this.#opening) return this.#isSettled
    this.#open().catch((error: unknown) => {
      this.#opening = undefined
      log('warn', 'worker', 'there is no queue of leases', { queue: this.#name, error: messageOf(error) })
    })
    return false
  }

  /** Tasks in hand that take no credit of their consumer. */
  get size(): number {
    return this.#size
  }

  /**
   * Moves a message under a lease, or under a newer one. Never rejects; false: its deliveries are what they were.
   * @param starts what the broker is to tell of it at least if this worker dies: see `Work.wouldTell`
   */
  move(work: Work, starts: number): Promise<boolean> {
    const before = work.moving ?? Promise.resolve(true)
    const moving = before.then(() => this.#move(work, starts))
    work.moving = moving
    void moving.then(() => {
      if (work.moving === moving) work.moving = undefined
    })
    return moving
  }

  /** A task has left the worker. */
  left(work: Work): void {
    if (!work.isLeased) return
    this.#size--
    this.#options.onChange()
  }

  /** Ends it, when nothing is in hand any more. */
  async end(): Promise<void> {
    this.#isEnded = true
    this.#timer?.cancel()
    await this.#opening?.catch(() => {})
    if (!this.#consumer) return
    const { broker, clock, inHand } = this.#options
    await cancelConsumer(clock, this.#consumer)
    // With anything in it, or on its way to it, it is left to expire: what is in it would be lost with it.
    if (inHand.isBusy || this.#unacked > 0 || this.#awaited.size + this.#late.size > 0) return
    if (broker.state !== 'connected') return
    await broker.admin?.deleteQueue(this.#name).catch((error: unknown) => {
      log('debug', 'worker', 'queue of leases was not deleted', { queue: this.#name, error: messageOf(error) })
    })
  }

  /** Four looks at each message before half of its time is over: seen first, and three that may fail. */
  #plan(): void {
    const { clock, consumerTimeoutMs } = this.#options
    this.#timer = clock.after(
      consumerTimeoutMs / 8,
      () => void this.#look().then(() => !this.#isEnded && this.#plan()),
      {
        unref: true,
      },
    )
  }

  async #look(): Promise<void> {
    const works = this.#dueWorks()
    while (works.length > 0 && !this.#isEnded) {
      const some = works.splice(0, AT_ONCE)
      const moved = await Promise.all(some.map(async (work) => this.#renew(work)))
      // The broker cannot be reached, or does not let us: another time.
      if (moved.every((isMoved) => !isMoved)) return
    }
  }

  #dueWorks(): Work[] {
    const { clock, consumerTimeoutMs, inHand } = this.#options
    const nowMs = clock.monotonic()
    return [...inHand.works].filter((work) => {
      if (work.isAckedEarly || work.isSettled || work.isPassedOn || work.moving) return false
      const { oldest } = work
      if (!oldest) return false
      const sinceMs = this.#seen.get(oldest)
      if (sinceMs === undefined) this.#seen.set(oldest, nowMs)
      return sinceMs !== undefined && nowMs - sinceMs >= consumerTimeoutMs / 4
    })
  }

  #renew(work: Work): Promise<boolean> | boolean {
    const { giveBack } = this.#options
    // Others may have it, instead of one more in the hands of who is busy.
    if (!work.waitsIn) return this.move(work, work.deaths)
    giveBack(work)
    return true
  }

  async #move(work: Work, atLeast: number): Promise<boolean> {
    const { broker, clock, inHand, tally, onChange, giveUp } = this.#options
    const { id, task } = work.request
    if (!work.isOurs || work.isSettled) return false
    const lease = clock.uuid()
    const arrival = new Promise<Leased>((arrived) => this.#awaited.set(lease, { work, arrived }))
    try {
      await this.#open().catch((error: unknown) => {
        this.#awaited.delete(lease)
        throw error
      })
      // Given back by a worker that ends, it would be there twice if a copy were sent now.
      if (!work.isOurs || work.isSettled || giveUp.aborted) {
        this.#awaited.delete(lease)
        return false
      }
      const starts = Math.max(atLeast, startsIn(work))
      const { message, queue } = work.delivery
      const to = { exchange: this.#name, routingKey: queue }
      await broker.publish(copyOf(message, starts, lease), to, { isPassedOn: true })
      const late = (): Error => new Error('it was taken, and did not come')
      const copy = await deadline(clock, arrival, TTL_MS, late)
      // Lost again, with its connection; or the task has come to its end, and this copy with it.
      if (!copy.isOurs || work.isSettled || !inHand.has(work)) return false
      if (!work.isLeased) this.#size++
      work.keepOnly(copy)
      work.wouldTell = starts
      tally.counts.leased++
      log('debug', 'worker', 'message is under a lease', { id, task, queue })
      onChange()
      // Started while its copy was on the way: the broker would take that for a wait.
      if (startsIn(work) > starts) await this.#move(work, startsIn(work))
      return true
    } catch (error) {
      // Else it may be there all the same. When it comes it is held as one more copy of the same.
      if (!isLovageError(error, 'UNROUTABLE')) this.#keepLate(lease)
      this.#awaited.delete(lease)
      log('warn', 'worker', 'message could not be moved under a lease', { id, task, error: messageOf(error) })
      // Perhaps somebody deleted the queue: it is declared again, the next time.
      if (!this.#isEnded) this.#opening = undefined
      this.#isSettled = false
      return false
    }
  }

  #keepLate(lease: string): void {
    const awaited = this.#awaited.get(lease)
    if (!awaited) return
    this.#late.set(lease, awaited)
    if (this.#late.size > MAX_LATE) this.#late.delete(this.#late.keys().next().value as string)
  }

  #open(): Promise<void> {
    this.#opening ??= this.#begin()
    return this.#opening
  }

  async #begin(): Promise<void> {
    const { broker, clock, consumerTimeoutMs, giveUp } = this.#options
    await broker.declare(leaseTopology(this.#name))
    if (this.#consumer) return void (this.#isSettled = true)
    const onDelivery = (delivery: Delivery): void => this.#take(delivery)
    // Without limit: what is not held expires.
    this.#consumer = await broker.consume({ queues: [this.#name], prefetch: 0, onDelivery })
    // Where there is less time than that, in a test, it must do.
    await sleep(clock, Math.min(SETTLES_MS, consumerTimeoutMs / 16 || SETTLES_MS), giveUp)
    this.#isSettled = true
  }

  #take(given: Delivery): void {
    this.#unacked++
    const delivery = new Acknowledged(given, () => this.#unacked--)
    const lease = leaseOf(delivery.message) ?? ''
    const awaited = this.#awaited.get(lease) ?? this.#late.get(lease)
    if (!awaited) return this.#options.onStray(new StrayLease(delivery))
    this.#awaited.delete(lease)
    this.#late.delete(lease)
    const { work, arrived } = awaited
    // Done with, or given back, all of it, or known to be the broker's again: what was copied is as safe as ever.
    if (work.isSettled || !this.#options.inHand.has(work)) return void delivery.ack()
    const copy = new Leased(delivery, work.delivery)
    work.adopt(copy)
    arrived(copy)
  }
}

/** Starts of a task that would not have ended if this worker died now. */
function startsIn({ deaths, hasStarted }: Work): number {
  return hasStarted ? deaths + 1 : deaths
}

/** A queue whose messages expire into the queues that their routing keys name, and the exchange that leads to it. */
function leaseTopology(name: string): Topology {
  return {
    exchanges: [{ name, type: 'fanout', durable: true, autoDelete: true }],
    queues: [
      {
        name,
        messageTtlMs: TTL_MS,
        expiresMs: EXPIRES_MS,
        arguments: {
          // A classic queue moves what has expired without asking whether it has arrived.
          'x-queue-type': 'quorum',
          'x-dead-letter-strategy': 'at-least-once',
          'x-overflow': 'reject-publish',
          'x-dead-letter-exchange': '',
        },
      },
    ],
    bindings: [{ exchange: name, queue: name, routingKey: '' }],
  }
}
