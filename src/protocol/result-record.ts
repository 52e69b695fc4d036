import { LovageError } from '../base/errors.ts'
import { type Content, type ContentLimits, JSON_TYPE } from './content.ts'
import { formatIso, isoTime } from './iso-time.ts'
import { encodeJson, type JsonTypes } from './json.ts'
import { isReady, payloadText, type Outcome } from './outcome.ts'
import { deserialize, serializeJson, typesFor, type Serialized, type Serializer } from './serializer.ts'
import { isRecord } from './signature.ts'

/** Milliseconds that the task ran. */
const RUN_MS = 'x-lovage-run-ms'

/** How results are written. */
export interface ResultOptions {
  readonly types?: JsonTypes | undefined
  /** Default `'json'`. */
  readonly serializer?: Serializer | undefined
}

/**
 * The outcome as an rpc message says it, and what to say of its body.
 * @throws LovageError `ENCODE_FAILED` naming the path (`$.result...`)
 */
export function serializeRpcResult(outcome: Outcome, { types, serializer = 'json' }: ResultOptions = {}): Serialized {
  const json = encodeRpcResult(outcome, { types: typesFor(serializer, types) })
  if (serializer === 'json') return { body: json, contentType: JSON_TYPE, contentEncoding: 'utf-8' }
  return serializeJson(Buffer.from(json).toString(), serializer)
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
export function encodeStoredRecord(outcome: Outcome, options: ResultOptions = {}): Uint8Array {
  const record = writeStoredRecord(outcome, options)
  return typeof record === 'string' ? Buffer.from(record) : record
}

/** The same, as text where it is JSON. */
export function writeStoredRecord(
  outcome: Outcome,
  { types: given, serializer = 'json' }: ResultOptions = {},
): string | Uint8Array {
  const types = typesFor(serializer, given)
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
  return serializer === 'json' ? text : serializeJson(text, serializer).body
}

/**
 * Reads a record of either form. The result is decoded; that of a failure stays as it was written, for `readFailure`.
 * @param content what the message says of its body. Default JSON, not packed
 * @param limits what is accepted. Default JSON
 * @throws LovageError `BODY_UNDECODABLE` for what is no result, `CONTENT_REFUSED` for what is not accepted
 */
export function decodeResult(
  bytes: Uint8Array,
  content: Omit<Partial<Content>, 'body'> = {},
  limits: ContentLimits = {},
): Outcome {
  const record = deserialize({ contentType: JSON_TYPE, ...content, body: bytes }, limits)
  if (!isRecord(record)) throw undecodable('it is not an object')
  const { task_id: id, status, traceback, children } = record
  if (typeof id !== 'string' || id === '') throw undecodable('task_id is missing')
  if (typeof status !== 'string' || status === '') throw undecodable('status is missing')
  const doneAtMs = typeof record.date_done === 'string' ? isoTime(record.date_done) : undefined
  const outcome: { -readonly [K in keyof Outcome]: Outcome[K] } = {
    id,
    state: status,
    result: { value: record.result ?? null },
    traceback: typeof traceback === 'string' ? traceback : null,
  }
  if (Array.isArray(children)) outcome.children = children
  if (doneAtMs !== undefined) outcome.doneAtMs = doneAtMs
  if (typeof record.group_id === 'string') outcome.groupId = record.group_id
  if (typeof record[RUN_MS] === 'number') outcome.runMs = record[RUN_MS]
  if (typeof record.parent_id === 'string') outcome.parentId = record.parent_id
  return outcome
}

function childrenText(outcome: Outcome, types: JsonTypes | undefined): string {
  return outcome.children === undefined ? '[]' : encodeJson(outcome.children, { types, path: '$.children' })
}

function undecodable(problem: string): LovageError {
  return new LovageError('BODY_UNDECODABLE', { contentType: JSON_TYPE, problem: `${problem}, so it is no result` })
}
