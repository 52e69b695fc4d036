import type { RegisteredTask, Registry } from '../app/registry.ts'
import { isLovageError, LovageError, messageOf } from '../base/errors.ts'
import { assertAccepted } from '../protocol/content.ts'
import { failureOf, notRegistered, taskRevokedError } from '../protocol/failure.ts'
import { isoTimeIn } from '../protocol/zoned-time.ts'
import { deadlineOf } from '../protocol/headers.ts'
import type { Message } from '../protocol/message.ts'
import { failed, type DeadReason, type Outcome } from '../protocol/outcome.ts'
import { readTask, type TaskRequest } from '../protocol/task-message.ts'

/** What intake goes by. */
export interface IntakeRules {
  readonly registry: Pick<Registry, 'get'>
  /** Content types of bodies that are read. */
  readonly accept: readonly string[]
  /** Largest body, in bytes, as it came and unpacked. */
  readonly maxBodyBytes: number
  /** Time zone of times that do not say theirs. Default UTC. */
  readonly timezone?: string
}

/** What becomes of a message. */
export type Decision =
  /** Its turn comes now, or at `etaMs`. */
  | {
      readonly kind: 'run'
      readonly request: TaskRequest
      readonly task: RegisteredTask
      /** Epoch ms; undefined: now. */
      readonly etaMs: number | undefined
      /** Epoch ms; `Infinity`: never. */
      readonly expiresAtMs: number
    }
  /** Nobody here knows it; its outcome where nobody else does. */
  | {
      readonly kind: 'unknown'
      readonly request: TaskRequest
      readonly outcome: Outcome
      readonly expiresAtMs: number
    }
  /** It is over before it began, and this is its outcome. */
  | { readonly kind: 'over'; readonly request: TaskRequest; readonly outcome: Outcome }
  /** It is no task message. Whom it may concern is told where it can be made out. */
  | { readonly kind: 'unreadable'; readonly dead: DeadReason; readonly failure: Outcome | undefined }

/** Decides, from the headers alone, what becomes of a message. Pure; never throws. */
export function decide(message: Message, nowMs: number, rules: IntakeRules): Decision {
  let request: TaskRequest
  try {
    const size = message.body.byteLength
    if (size > rules.maxBodyBytes) throw new LovageError('MESSAGE_TOO_LARGE', { size, limit: rules.maxBodyBytes })
    request = readTask(message, rules)
  } catch (error) {
    return unreadable(message, error)
  }
  const { timezone = 'UTC' } = rules
  const expires = request.expires === null ? undefined : isoTimeIn(request.expires, timezone)
  // Past its deadline nobody needs it, which is what `expires` means too.
  const expiresAtMs = Math.min(expires ?? Infinity, deadlineOf(request.custom))
  if (expiresAtMs <= nowMs) return { kind: 'over', request, outcome: expired(request) }
  const task = rules.registry.get(request.task)
  if (!task) return { kind: 'unknown', request, outcome: unknown(request), expiresAtMs }
  try {
    assertAccepted(request.contentType, rules.accept, request.origin)
  } catch (error) {
    return { kind: 'over', request, outcome: impossible(request, error) }
  }
  const etaMs = request.eta === null ? undefined : isoTimeIn(request.eta, timezone)
  return { kind: 'run', request, task, etaMs: etaMs !== undefined && etaMs > nowMs ? etaMs : undefined, expiresAtMs }
}

/** The outcome of a task whose time has passed. */
export function expired({ id }: TaskRequest): Outcome {
  return { id, state: 'REVOKED', result: { value: taskRevokedError('expired') }, traceback: null }
}

/** The outcome of a task that cannot be run, or whose outcome cannot be carried out: a retry in the year 20,000, say. */
export function impossible({ id }: TaskRequest, error: unknown): Outcome {
  return failed(id, failureOf(error), { dead: reasonOf(error) })
}

function unknown({ id, task }: TaskRequest): Outcome {
  const { code, message } = new LovageError('TASK_UNKNOWN', { task })
  return failed(id, notRegistered(task), { dead: { code, message } })
}

function unreadable({ headers, correlationId }: Message, error: unknown): Decision {
  const id = typeof headers.id === 'string' && headers.id !== '' ? headers.id : correlationId
  return { kind: 'unreadable', dead: reasonOf(error), failure: id ? failed(id, failureOf(error)) : undefined }
}

function reasonOf(error: unknown): DeadReason {
  return { code: isLovageError(error) ? error.code : 'MESSAGE_INVALID', message: messageOf(error) }
}
