import type { Clock } from '../base/clock.ts'
import type { Broker } from '../broker/broker.ts'
import { Emitter, type EmitterCounts } from '../fleet/emitter.ts'
import { Heart, type HeartFigures } from '../fleet/heart.ts'
import type { LamportClock } from '../fleet/lamport.ts'
import { failureRepr, readFailure } from '../protocol/failure.ts'
import { type Outcome, type Payload, payloadValue } from '../protocol/outcome.ts'
import { pythonRepr } from '../protocol/python-repr.ts'
import type { ResolvedWorkerOptions } from './options.ts'
import type { Work } from './work.ts'

/** What the events of a worker need. */
export interface WorkerEventsOptions {
  readonly clock: Clock
  readonly lamport: LamportClock
  readonly options: Pick<ResolvedWorkerOptions, 'hostname' | 'events' | 'heartbeatIntervalMs'>
  readonly figures: () => HeartFigures
}

/** A result whose text is longer is shown as the beginning of that text, and not read for it. */
const MOST_READ = 16 * 1024

/** As long as Celery shows a result. */
const MOST_SHOWN = 1024

/** Terminated tasks are told as ended by this signal, whatever ended them here: SIGTERM, as Celery's are unless told otherwise. */
const SIGTERM = 15

/** What a worker tells of itself and of its tasks, with Celery's fields in Celery's order. */
export class WorkerEvents {
  readonly #emitter: Emitter
  readonly #heart: Heart | undefined
  #broker: Broker | undefined
  #unlisten: (() => void) | undefined

  constructor({ clock, lamport, options, figures }: WorkerEventsOptions) {
    const { hostname, events: tasks, heartbeatIntervalMs: intervalMs } = options
    this.#emitter = new Emitter({ clock, lamport, hostname, tasks })
    this.#heart = intervalMs > 0 ? new Heart({ clock, emitter: this.#emitter, intervalMs, figures }) : undefined
  }

  /** Whether events of this task are wanted: asked first, so that nothing is made where they are not. */
  tells(work: Work): boolean {
    return this.#emitter.tellsTasks && work.task?.options.sendEvents !== false
  }

  /** Turns the events of tasks on or off. False: they were so already. */
  tellTasks(wanted: boolean): boolean {
    return this.#emitter.tellTasks(wanted)
  }

  get counts(): EmitterCounts {
    return this.#emitter.counts
  }

  /** Tells over this broker from now on. */
  open(broker: Broker): void {
    this.#broker = broker
    this.#emitter.open(broker)
  }

  /** The worker reads its queues. */
  begin(): void {
    this.#heart?.start()
    // Who watches may have given us up while the broker was away.
    this.#unlisten = this.#broker?.onState((state) => state === 'connected' && this.#heart?.start())
  }

  /** It stops; what runs may still be told of. */
  leave(): void {
    this.#unlisten?.()
    this.#heart?.stop()
  }

  /** It has stopped. */
  end(): Promise<void> {
    this.leave()
    return this.#emitter.close()
  }

  /** Tells out of turn that the worker is alive: somebody asked. */
  beat(): void {
    this.#heart?.beat()
  }

  received({ request }: Work): void {
    const { id: uuid, task, shadow, argsrepr: args, kwargsrepr: kwargs, rootId, parentId } = request
    const { retries, eta, expires } = request
    const ids = { root_id: rootId, parent_id: parentId }
    this.#emitter.task('task-received', { uuid, name: shadow ?? task, args, kwargs, ...ids, retries, eta, expires })
  }

  started({ request }: Work): void {
    this.#emitter.task('task-started', { uuid: request.id })
  }

  /** It has been settled. Of one that was ignored Celery tells nothing. */
  ended({ request: { id: uuid } }: Work, outcome: Outcome): void {
    const { state, result, runMs = 0 } = outcome
    if (state === 'SUCCESS') {
      return this.#emitter.task('task-succeeded', { uuid, result: shown(result), runtime: runMs / 1000 })
    }
    if (state === 'REJECTED') return this.#emitter.task('task-rejected', { uuid, requeue: outcome.requeue === true })
    if (state === 'FAILURE') return this.#emitter.task('task-failed', { uuid, ...problemOf(outcome) })
    if (state === 'RETRY') return this.#emitter.task('task-retried', { uuid, ...problemOf(outcome) })
    if (state !== 'REVOKED') return
    const [reason] = readFailure(payloadValue(result)).exc_message
    const terminated = reason === 'terminated'
    const signum = terminated ? SIGTERM : null
    this.#emitter.task('task-revoked', { uuid, terminated, signum, expired: reason === 'expired' })
  }
}

function shown(result: Payload): string {
  if ('text' in result && result.text.length > MOST_READ) return `${result.text.slice(0, MOST_SHOWN)}...`
  try {
    return pythonRepr(payloadValue(result))
  } catch {
    return 'text' in result ? result.text.slice(0, MOST_SHOWN) : ''
  }
}

function problemOf({ result, traceback }: Outcome): { exception: string; traceback?: string } {
  const failure = readFailure(payloadValue(result))
  // A retry that nothing else was the reason of.
  const isPlainRetry = failure.exc_type === 'Retry' && failure.exc_module === 'celery.exceptions'
  const exception = isPlainRetry ? 'None' : failureRepr(failure)
  return failure.exc_type === 'NotRegistered' ? { exception } : { exception, traceback: traceback ?? '' }
}
