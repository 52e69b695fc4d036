import type { Hooks } from '../app/hooks.ts'
import { backoffMs, type Backoff } from '../base/backoff.ts'
import { type Clock, sleep } from '../base/clock.ts'
import { isLovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { Broker, Delivery, Topology } from '../broker/broker.ts'
import { publishAt } from '../broker/publish-at.ts'
import { failureOf, workerLostError } from '../protocol/failure.ts'
import { formatIso } from '../protocol/iso-time.ts'
import { plainHeader } from '../protocol/headers.ts'
import type { Message } from '../protocol/message.ts'
import { failed, type DeadReason, type Outcome } from '../protocol/outcome.ts'
import { encodeTask, retryOf } from '../protocol/task-message.ts'
import { Advancing, type AdvancingOptions } from './advancing.ts'
import { copyOf } from './lease-copy.ts'
import { tell } from './tell.ts'
import type { Work } from './work.ts'

/** Waits between tries to store a result, or to publish what must not be lost. */
const BACKOFF: Backoff = { baseMs: 100, maxMs: 15_000 }

/** What settling needs. */
export interface SettleOptions extends Omit<AdvancingOptions, 'insist'> {
  readonly broker: Broker
  readonly clock: Clock
  readonly hooks: Hooks
  /** Brings a message to the dead letters of its queue, then acknowledges it. */
  readonly bury: (delivery: Delivery, reason: DeadReason) => Promise<unknown>
  /** What must be there for a queue, in case somebody deleted it. */
  readonly topologyOf: (queue: string) => Topology
  /** Aborts when the worker cannot wait any longer; what is not safe by then is given back. */
  readonly giveUp: AbortSignal
}

/**
 * How a message left the worker: `lost` when it had been taken from us meanwhile (the broker has given it to somebody
 * again), `back` when it went back to its queue.
 */
export type Ending = 'acked' | 'back' | 'dead' | 'lost'

/** Turns outcomes into stored results and acknowledgements, in this order: nothing is acknowledged that could be lost. */
export class Settler {
  readonly #options: SettleOptions
  readonly #advancing: Advancing

  constructor(options: SettleOptions) {
    this.#options = options
    this.#advancing = new Advancing({ ...options, insist: (...what) => this.#insist(...what) })
  }

  /**
   * Settles a task with its outcome. Rejects when the worker gave up waiting, or when the outcome is one that can never be
   * carried out; the message is then still ours.
   */
  async settle(work: Work, outcome: Outcome): Promise<Ending> {
    if (work.updates) await work.updates.done()
    const safe = this.#keep(work, outcome)
    if (safe) await safe
    // Settled before, it would leave a copy behind, which is not known to be one if its connection is lost.
    if (work.moving) await work.moving
    const ending = this.#end(work, outcome)
    const ended = typeof ending === 'string' ? ending : await ending
    const telling = tell(this.#options.hooks, work, outcome)
    if (telling) await telling
    return ended
  }

  /** What must be safe before the message goes; undefined where nothing is waited for, as with most results ignored. */
  #keep(work: Work, outcome: Outcome): Promise<void> | undefined {
    const { state } = outcome
    if (state === 'RETRY' || state === 'REJECTED' || state === 'IGNORED') return undefined
    const embed = this.#advancing.embedOf(work.request, outcome)
    if (!embed) return this.#store(work, outcome)
    return this.#advancing.settle(work.request, outcome, embed, work.cameAgain, (final) => this.#store(work, final))
  }

  #end(work: Work, outcome: Outcome): Ending | Promise<Ending> {
    const { state } = outcome
    if (state === 'RETRY') return this.#retry(work, outcome)
    if (state === 'REJECTED' && outcome.requeue) return this.#giveBack(work)
    if (outcome.dead) return this.#bury(work, outcome.dead)
    return work.ack() ? 'acked' : 'lost'
  }

  /** Settles a message that is no task: the dead letters, and a word to whom it may concern. */
  async settleUnreadable(delivery: Delivery, dead: DeadReason, failure: Outcome | undefined): Promise<void> {
    const { bury } = this.#options
    if (failure) await this.tell(failure, delivery.message)
    await this.#insist('message could not be moved to the dead letters', { queue: delivery.queue }, () =>
      bury(delivery, dead),
    )
  }

  /** Sends an outcome once. What goes wrong is logged: nobody's end depends on it. */
  async tell(outcome: Outcome, to: Pick<Message, 'correlationId' | 'replyTo'>): Promise<void> {
    const { replyTo, correlationId } = to
    try {
      const address = {
        ...(replyTo !== undefined && { replyTo }),
        ...(correlationId !== undefined && { correlationId }),
      }
      await this.#options.backend.put(outcome, address)
    } catch (error) {
      const { id, state } = outcome
      log('warn', 'worker', 'update could not be sent', { id, state, error: messageOf(error) })
    }
  }

  #store(work: Work, outcome: Outcome): Promise<void> | undefined {
    if (work.ignoresResult) return undefined
    const { backend } = this.#options
    // Only a result that did not get through at once is worth the machinery.
    return backend.put(outcome, work.request).catch((failed: unknown) => this.#storeAgain(work, outcome, failed))
  }

  async #storeAgain(work: Work, outcome: Outcome, failed: unknown): Promise<void> {
    const { id, task } = work.request
    const act = (): Promise<void> => this.#put(work, outcome)
    await this.#insist('result could not be stored', { id, task }, act, {
      failed: isHopeless(failed) ? undefined : failed,
    })
  }

  async #put(work: Work, outcome: Outcome): Promise<void> {
    const { backend } = this.#options
    const { id, task } = work.request
    try {
      await backend.put(outcome, work.request)
    } catch (error) {
      if (!isHopeless(error)) throw error
      // It will never fit, however often we try; who waits is told why.
      log('error', 'worker', 'result cannot be sent', { id, task, error: messageOf(error) })
      await backend.put(failed(id, failureOf(error)), work.request).catch((again: unknown) => {
        // Not even that: it is the address that does not fit, an id too long say. Nobody can be told.
        if (!isHopeless(again)) throw again
      })
    }
  }

  async #retry(work: Work, outcome: Outcome): Promise<Ending> {
    const { clock } = this.#options
    const etaMs = clock.now() + (outcome.retry?.delayMs ?? 0)
    // No AMQP expiration: the broker would drop it unseen, where a worker says that it has expired.
    const message = encodeTask(retryOf(work.request, { eta: formatIso(etaMs) }))
    await this.republish(work.delivery, message, Math.min(etaMs, work.expiresAtMs))
    if (!work.ignoresResult) await this.tell(outcome, work.request)
    return work.ack() ? 'acked' : 'lost'
  }

  async #giveBack(work: Work): Promise<Ending> {
    if (!work.isAckedEarly) return (await this.handBack(work)) ? 'back' : 'lost'
    if (!work.isCutOff) {
      await this.#sendCopy(work)
      return 'back'
    }
    // It was to run once at most, and has been started: who waits must hear that it will not end.
    const { id, task } = work.request
    log('error', 'worker', 'task was cut off, and does not run again: acksLate is off', { id, task })
    await this.#store(work, failed(id, workerLostError('the worker stopped before the task was done')))
    return 'acked'
  }

  /**
   * Back to its queue, without counting as a start that did not end. One that the broker hands out a second time counts
   * when it starts, so a message with a count goes back as a new copy of itself. False: it was not ours any more.
   */
  async handBack(work: Work, asNew = false): Promise<boolean> {
    if (work.moving) await work.moving
    if (work.canRequeue && !asNew) return work.requeue()
    await this.#sendCopy(work)
    return work.ack()
  }

  async #sendCopy(work: Work): Promise<void> {
    // The copy may come here at once: then it is what comes again when the connection is lost, and not this.
    work.isPassedOn = true
    try {
      await this.republish(work.delivery, copyOf(work.delivery.message, work.deaths))
    } catch (error) {
      work.isPassedOn = false
      throw error
    }
  }

  /** To the very queue it came from, and not to others that its exchange may feed; at a time, epoch ms, or at once. */
  async republish({ queue, message: { headers } }: Delivery, message: Message, atMs?: number): Promise<void> {
    const { broker, clock, topologyOf } = this.#options
    const to = { exchange: '', routingKey: queue }
    const id = plainHeader(headers.id)
    const task = plainHeader(headers.task)
    await this.#insist(
      'task could not be sent again',
      { id, task, queue },
      async () => {
        try {
          await publishAt(broker, message, to, { atMs, nowMs: clock.now(), isPassedOn: true })
        } catch (error) {
          if (isLovageError(error, 'UNROUTABLE')) await broker.declare(topologyOf(queue))
          throw error
        }
      },
      { isFinal: isHopeless },
    )
  }

  async #bury(work: Work, reason: DeadReason): Promise<Ending> {
    const { delivery, request } = work
    const { id, task } = request
    const { bury } = this.#options
    await this.#insist('message could not be moved to the dead letters', { id, task, queue: delivery.queue }, () =>
      bury(work.delivery, reason),
    )
    work.ack()
    return 'dead'
  }

  /**
   * Tries until it succeeds, until the worker gives up waiting, or until an error that `isFinal` says no try can mend.
   * `failed` is what a first try has already come to.
   */
  async #insist(
    complaint: string,
    fields: Readonly<Record<string, unknown>>,
    act: () => Promise<unknown>,
    { isFinal = () => false, failed }: { isFinal?: (error: unknown) => boolean; failed?: unknown } = {},
  ): Promise<void> {
    const { clock, giveUp } = this.#options
    for (let attempt = 0, error = failed; ; attempt++, error = undefined) {
      if (error === undefined) {
        try {
          await act()
          return
        } catch (thrown) {
          error = thrown
        }
      }
      const waitMs = backoffMs(attempt, BACKOFF, clock.random())
      const isLast = giveUp.aborted || isFinal(error)
      log(isLast ? 'error' : 'warn', 'worker', complaint, { ...fields, error: messageOf(error), attempt, waitMs })
      if (isLast) throw error
      await sleep(clock, waitMs, giveUp)
    }
  }
}

/** What the wire has no form for today it will not have tomorrow. */
function isHopeless(error: unknown): boolean {
  return isLovageError(error, 'MESSAGE_TOO_LARGE') || isLovageError(error, 'ENCODE_FAILED')
}
