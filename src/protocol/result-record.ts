import { LovageError } from '../base/errors.ts'
import { bodyText, JSON_TYPE, type Content } from './content.ts'
import { formatIso, isoTime } from './iso-time.ts'
import { decodeJson, encodeJson, type JsonTypes } from './json.ts'
import { isReady, payloadText, type Outcome } from './outcome.ts'
import { isRecord } from './signature.ts'

/** Milliseconds that the task ran. */
const RUN_MS = 'x-lovage-run-ms'

/** How results are written. */
export interface ResultOptions {
  readonly types?: JsonTypes
}

/**
 * The outcome as the body of an rpc message: exactly `task_id, status, result, traceback, children`, JSON. A payload that
 * is text already goes in as it is.
 * @throws LovageError `ENCODE_FAILED` naming the path (`$.result...`)
 */
export function encodeRpcResult(outcome: Outcome, { types }: ResultOptions = {}): Uint8Array {
  const text =
    `{"task_id": ${encodeJson(outcome.id)}, "status": ${encodeJson(outcome.state)}, ` +
    `"result": ${payloadText(outcome.result, { types })}, "traceback": ${encodeJson(outcome.traceback)}, ` +
    `"children": ${childrenText(outcome, types)}}`
  return Buffer.from(text)
}

/**
 * The outcome as key/value backends store it: `status, result, traceback, children, date_done`, then `group_id` and
 * `parent_id` where there are such, then `task_id`. `date_done` is aware, as Celery 5.6 writes it, and null before a final
 * state. How long the task ran comes last, where it is known: a member of ours, which Celery passes over.
 * @throws LovageError `ENCODE_FAILED` naming the path (`$.result...`)
 */
export function encodeStoredRecord(outcome: Outcome, { types }: ResultOptions = {}): Uint8Array {
  const { doneAtMs, groupId, parentId, runMs } = outcome
  const dateDone = isReady(outcome.state) && doneAtMs !== undefined ? formatIso(doneAtMs) : null
  const text =
    `{"status": ${encodeJson(outcome.state)}, "result": ${payloadText(outcome.result, { types })}, ` +
    `"traceback": ${encodeJson(outcome.traceback)}, "children": ${childrenText(outcome, types)}, ` +
    `"date_done": ${encodeJson(dateDone)}` +
    (groupId === undefined ? '' : `, "group_id": ${encodeJson(groupId)}`) +
    (parentId === undefined ? '' : `, "parent_id": ${encodeJson(parentId)}`) +
    `, "task_id": ${encodeJson(outcome.id)}` +
    (runMs === undefined ? '}' : `, "${RUN_MS}": ${Math.round(runMs * 100) / 100}}`)
  return Buffer.from(text)
}

/**
 * Reads a record of either form. The result is decoded; that of a failure stays as it was written, for `readFailure`.
 * @param content what the message says of its body. Default JSON, not packed
 * @throws LovageError `BODY_UNDECODABLE` for what is no result, `CONTENT_REFUSED` for what is not JSON
 */
export function decodeResult(bytes: Uint8Array, content: Omit<Partial<Content>, 'body'> = {}): Outcome {
  const record = decodeJson(bodyText({ contentType: JSON_TYPE, ...content, body: bytes }))
  if (!isRecord(record)) throw undecodable('it is not an object')
  const { task_id: id, status, traceback, children } = record
  if (typeof id !== 'string' || id === '') throw undecodable('task_id is missing')
  if (typeof status !== 'string' || status === '') throw undecodable('status is missing')
  const doneAtMs = typeof record.date_done === 'string' ? isoTime(record.date_done) : undefined
  return {
    id,
    state: status,
    result: { value: record.result ?? null },
    traceback: typeof traceback === 'string' ? traceback : null,
    ...(Array.isArray(children) ? { children } : undefined),
    ...(doneAtMs === undefined ? undefined : { doneAtMs }),
    ...(typeof record.group_id === 'string' ? { groupId: record.group_id } : undefined),
    ...(typeof record[RUN_MS] === 'number' ? { runMs: record[RUN_MS] } : undefined),
    ...(typeof record.parent_id === 'string' ? { parentId: record.parent_id } : undefined),
  }
}

function childrenText(outcome: Outcome, types: JsonTypes | undefined): string {
  return outcome.children === undefined ? '[]' : encodeJson(outcome.children, { types, path: '$.children' })
}

function undecodable(problem: string): LovageError {
  return new LovageError('BODY_UNDECODABLE', { contentType: JSON_TYPE, problem: `${problem}, so it is no result` })
}
