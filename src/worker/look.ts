import type { Work } from './work.ts'

/** A task in the hands of a worker, as it tells of it. */
export interface TaskInHand {
  readonly id: string
  readonly task: string
  /** Queue it came from. */
  readonly queue: string
  readonly exchange: string
  readonly routingKey: string
  readonly priority: number | undefined
  readonly redelivered: boolean
  /** As the message shows them; they may be cut short. */
  readonly argsrepr: string
  readonly kwargsrepr: string
  readonly retries: number
  /** Epoch ms; undefined: at once. */
  readonly etaMs: number | undefined
  /** Epoch ms; undefined: never. */
  readonly expiresAtMs: number | undefined
  /** Epoch ms; undefined: it does not run. */
  readonly startedAtMs: number | undefined
  /** Its message has been acknowledged: it will not come again. */
  readonly acknowledged: boolean
}

/** A task in plain data. */
export function shownWork(work: Work): TaskInHand {
  const { request, delivery, etaMs, expiresAtMs, startedAtMs, isAckedEarly } = work
  return {
    id: request.id,
    task: request.task,
    queue: delivery.queue,
    exchange: delivery.exchange,
    routingKey: delivery.routingKey,
    priority: request.priority,
    redelivered: work.isAgain,
    argsrepr: request.argsrepr,
    kwargsrepr: request.kwargsrepr,
    retries: request.retries,
    etaMs,
    expiresAtMs: expiresAtMs === Infinity ? undefined : expiresAtMs,
    startedAtMs,
    acknowledged: isAckedEarly,
  }
}
