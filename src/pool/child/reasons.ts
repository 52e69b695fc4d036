import { SoftTimeLimitExceeded, TaskAbandoned, TaskRevoked } from '../../app/control-flow.ts'
import { TimeLimitExceeded, WorkerStopping } from '../../app/control-flow.ts'

const KNOWN = new Map<string, () => Error>([
  ['SoftTimeLimitExceeded', () => new SoftTimeLimitExceeded(0)],
  ['TimeLimitExceeded', () => new TimeLimitExceeded(0)],
  // A deadline is kept by the child itself.
  ['TaskAbandoned', () => new TaskAbandoned('abandoned')],
  ['TaskRevoked', () => new TaskRevoked()],
  ['WorkerStopping', () => new WorkerStopping()],
])

/** The reason of an abort on the other side of a wall: one that tasks look for by its class is of that class again. */
export function reviveReason(name: string, message: string): Error {
  const reason = KNOWN.get(name)?.() ?? new Error(message)
  reason.message = message
  reason.name = name
  return reason
}
