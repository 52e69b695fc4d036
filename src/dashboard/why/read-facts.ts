import { plainHeader } from '../../protocol/headers.ts'
import { isoTime } from '../../protocol/iso-time.ts'
import type { Message } from '../../protocol/message.ts'
import { isReady, type Outcome, payloadValue } from '../../protocol/outcome.ts'
import { failureRepr, readFailure } from '../../protocol/failure.ts'
import { isRecord } from '../../protocol/signature.ts'
import type { TaskPicture } from '../../fleet/task-picture.ts'
import type { HeardFacts, MessageFacts, ResultFacts } from './facts.ts'

/** Longest error that is told. */
const MOST_ERROR = 500

/** What a stored outcome says. */
export function resultFacts(outcome: Outcome): ResultFacts {
  const { state, doneAtMs: atMs } = outcome
  if (state === 'SUCCESS') return { state, atMs }
  const value = valueOf(outcome)
  if (isReady(state) || state === 'RETRY') return { state, atMs, error: errorOf(state, value) }
  const worker = isRecord(value) && typeof value['hostname'] === 'string' ? value['hostname'] : undefined
  return { state, atMs, worker }
}

function valueOf({ result }: Outcome): unknown {
  try {
    return payloadValue(result)
  } catch {
    return undefined
  }
}

function errorOf(state: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  const failure = readFailure(value)
  const { exc_message: message } = failure
  if (state === 'REVOKED') return String(Array.isArray(message) ? message[0] : message)
  return oneLine(failureRepr(failure))
}

/** A text as one line, cut. */
export function oneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length > MOST_ERROR ? `${line.slice(0, MOST_ERROR)}…` : line
}

/** What its events have told. */
export function heardFacts(task: TaskPicture): HeardFacts {
  const { state, name, queue, worker, retries, at } = task
  const expiresMs = timeOf(task.expires)
  const atMs = task.timestamp > 0 ? task.timestamp * 1_000 : undefined
  const ms = (seconds: number | undefined): number | undefined => (seconds === undefined ? undefined : seconds * 1_000)
  return {
    state,
    name,
    queue: queue ?? (task.exchange === '' ? task.routingKey : undefined),
    worker,
    retries,
    error: task.exception === undefined ? undefined : oneLine(task.exception),
    etaMs: timeOf(task.eta),
    expiresMs,
    sentMs: ms(at.sent),
    startedMs: ms(at.started),
    atMs,
    // The event says whether it was revoked or had expired, and the picture does not keep that.
    hasExpired: state === 'REVOKED' && expiresMs !== undefined && atMs !== undefined && expiresMs <= atMs,
  }
}

/** Whether a message is that of the task. */
export function isOf(message: Message, id: string): boolean {
  const own = plainHeader(message.headers['id'])
  return own === undefined ? message.correlationId === id : own === id
}

/** What the headers of its message say. */
export function messageFacts(
  { headers }: Message,
  queue: string,
  ahead: number | undefined,
  atMs?: number,
): MessageFacts {
  const text = (name: string): string | undefined => {
    const value = plainHeader(headers[name])
    return typeof value === 'string' ? value : undefined
  }
  const retries = plainHeader(headers['retries'])
  return {
    queue,
    ahead,
    task: text('task'),
    etaMs: atMs ?? timeOf(text('eta')),
    expiresMs: timeOf(text('expires')),
    retries: typeof retries === 'number' && retries > 0 ? retries : 0,
  }
}

/** A time as it is in messages and events; undefined where it is none. */
export function timeOf(text: string | null | undefined): number | undefined {
  return text === undefined || text === null || text === '' ? undefined : isoTime(text)
}
