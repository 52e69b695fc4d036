import { LovageError } from '../base/errors.ts'
import { type ContentLimits, JSON_TYPE } from './content.ts'
import { countField, flagField, requiredField, tableField, textField } from './header-fields.ts'
import { textListField, timeField, timelimitField } from './header-fields.ts'
import { type HeaderValue, type Headers, LEASE_HEADER, STARTS_HEADER } from './headers.ts'
import { encodeJson, type JsonTypes } from './json.ts'
import type { Message } from './message.ts'
import { deserialize, serializeJson, typesFor, type Serialized, type Serializer } from './serializer.ts'
import { isRecord, NO_EMBED, readEmbed, type Embed } from './signature.ts'
import { readObjectBody } from './task-message-v1.ts'

/**
 * A task message with its headers read and its body not: what travels from intake to the pool. Names are the headers' in
 * camelCase; missing ones have Celery's defaults.
 */
export interface TaskRequest {
  readonly id: string
  readonly task: string
  readonly lang: string
  readonly shadow: string | null
  /** ISO 8601 text, as it came; `parseIso` reads it. */
  readonly eta: string | null
  readonly expires: string | null
  readonly group: string | null
  readonly groupIndex: number | null
  readonly retries: number
  /** Seconds, hard first. */
  readonly timelimit: readonly [number | null, number | null]
  readonly rootId: string
  readonly parentId: string | null
  readonly argsrepr: string
  readonly kwargsrepr: string
  readonly origin: string
  readonly ignoreResult: boolean
  readonly replacedTaskNesting: number
  readonly stamps: Headers
  readonly stampedHeaders: readonly string[] | null
  /** Headers that are none of Celery's, `x-lovage-*` among them. */
  readonly custom: Headers
  readonly replyTo: string
  readonly correlationId: string
  readonly priority: number | undefined
  readonly contentType: string
  readonly contentEncoding: string
  /** As in the header, e.g. `application/x-gzip`. */
  readonly compression: string | undefined
  /** `[args, kwargs, embed]`, encoded as contentType and compression say. A protocol 1 body has been rewritten to this. */
  readonly body: Uint8Array
}

/** What {@link encodeTask} needs beside the request. */
export interface EncodeTaskOptions {
  /** Default 2, written to disk. */
  readonly deliveryMode?: 1 | 2
  /** After this many milliseconds the broker may drop the message unread; Celery sets it beside `expires`. */
  readonly expirationMs?: number
}

/** Celery's own headers; all others are custom. */
const CELERY_HEADERS: ReadonlySet<string> = new Set([
  ...['lang', 'task', 'id', 'shadow', 'eta', 'expires', 'group', 'group_index', 'retries', 'timelimit', 'root_id'],
  ...['parent_id', 'argsrepr', 'kwargsrepr', 'origin', 'ignore_result', 'replaced_task_nesting', 'stamped_headers'],
  ...['stamps', 'compression'],
])

const NO_BODY = new Uint8Array()
const NO_HEADERS: Headers = Object.freeze({})
const NO_LIMITS: readonly [null, null] = Object.freeze([null, null] as const)

/**
 * A request with Celery's defaults for what is not given: no retries, no limits, root and correlation id equal to the id,
 * priority 0, JSON.
 */
export function newRequest(fields: Pick<TaskRequest, 'id' | 'task'> & Partial<TaskRequest>): TaskRequest {
  // Member by member: to spread one object over another costs several times as much, and each message sent comes here.
  return {
    id: fields.id,
    task: fields.task,
    lang: fields.lang ?? 'js',
    shadow: fields.shadow ?? null,
    eta: fields.eta ?? null,
    expires: fields.expires ?? null,
    group: fields.group ?? null,
    groupIndex: fields.groupIndex ?? null,
    retries: fields.retries ?? 0,
    timelimit: fields.timelimit ?? NO_LIMITS,
    rootId: fields.rootId ?? fields.id,
    parentId: fields.parentId ?? null,
    argsrepr: fields.argsrepr ?? '()',
    kwargsrepr: fields.kwargsrepr ?? '{}',
    origin: fields.origin ?? '',
    ignoreResult: fields.ignoreResult ?? false,
    replacedTaskNesting: fields.replacedTaskNesting ?? 0,
    stamps: fields.stamps ?? NO_HEADERS,
    stampedHeaders: fields.stampedHeaders ?? null,
    custom: fields.custom ?? NO_HEADERS,
    replyTo: fields.replyTo ?? '',
    correlationId: fields.correlationId ?? fields.id,
    priority: 'priority' in fields ? fields.priority : 0,
    contentType: fields.contentType ?? JSON_TYPE,
    contentEncoding: fields.contentEncoding ?? 'utf-8',
    compression: fields.compression,
    body: fields.body ?? NO_BODY,
  }
}

/**
 * The request as a message of protocol 2: headers in Celery's order, those of Celery 5.3 and later included (older ones
 * take them for custom headers), custom ones after them. The body passes as it is.
 */
export function encodeTask(request: TaskRequest, options: EncodeTaskOptions = {}): Message {
  const message: Writable<Message> = {
    headers: encodeHeaders(request),
    body: request.body,
    contentType: request.contentType,
    contentEncoding: request.contentEncoding,
    deliveryMode: options.deliveryMode ?? 2,
    correlationId: request.correlationId,
    replyTo: request.replyTo,
  }
  if (request.priority !== undefined) message.priority = request.priority
  if (options.expirationMs !== undefined) message.expirationMs = options.expirationMs
  return message
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

function encodeHeaders(request: TaskRequest): Headers {
  const headers: Record<string, HeaderValue> = {
    lang: request.lang,
    task: request.task,
    id: request.id,
    shadow: request.shadow,
    eta: request.eta,
    expires: request.expires,
    group: request.group,
    group_index: request.groupIndex,
    retries: request.retries,
    timelimit: request.timelimit,
    root_id: request.rootId,
    parent_id: request.parentId,
    argsrepr: request.argsrepr,
    kwargsrepr: request.kwargsrepr,
    origin: request.origin,
    ignore_result: request.ignoreResult,
    replaced_task_nesting: request.replacedTaskNesting,
    stamped_headers: request.stampedHeaders,
    stamps: request.stamps,
  }
  // Member by member: to spread them would cost as much as all the others together.
  for (const name of Object.keys(request.custom)) assign(headers, name, request.custom[name] as HeaderValue)
  if (request.compression !== undefined) headers.compression = request.compression
  return headers
}

/**
 * Reads the headers of a task message; the body stays as it came. A message of protocol 1, or a hybrid (task header, and
 * a body that is an object), has its body parsed and rewritten to that of protocol 2.
 * @throws LovageError `MESSAGE_INVALID` naming the header that is wrong. Of protocol 1 also `CONTENT_REFUSED` and
 *   `BODY_UNDECODABLE`
 */
export function readTask(message: Message, limits: ContentLimits = {}): TaskRequest {
  const { headers } = message
  const old = readObjectBody(message, limits)
  const fields = old === undefined ? headers : { ...old.fields, ...headers }
  const id = requiredField(fields, 'id')
  return {
    id,
    task: requiredField(fields, 'task'),
    lang: textField(fields, 'lang') ?? '',
    shadow: textField(fields, 'shadow'),
    eta: timeField(fields, 'eta'),
    expires: timeField(fields, 'expires'),
    group: textField(fields, 'group'),
    groupIndex: countField(fields, 'group_index'),
    retries: countField(fields, 'retries') ?? 0,
    timelimit: timelimitField(fields, 'timelimit'),
    rootId: textField(fields, 'root_id') || id,
    parentId: textField(fields, 'parent_id'),
    argsrepr: textField(fields, 'argsrepr') ?? '',
    kwargsrepr: textField(fields, 'kwargsrepr') ?? '',
    origin: textField(fields, 'origin') ?? '',
    ignoreResult: flagField(fields, 'ignore_result'),
    replacedTaskNesting: countField(headers, 'replaced_task_nesting') ?? 0,
    stamps: tableField(headers, 'stamps'),
    stampedHeaders: textListField(headers, 'stamped_headers'),
    custom: customHeaders(headers),
    replyTo: message.replyTo ?? '',
    correlationId: message.correlationId || id,
    priority: message.priority,
    contentType: old === undefined ? message.contentType : JSON_TYPE,
    contentEncoding: old === undefined ? message.contentEncoding : 'utf-8',
    compression: old === undefined ? (textField(headers, 'compression') ?? undefined) : undefined,
    body: old === undefined ? message.body : old.body,
  }
}

function customHeaders(headers: Headers): Headers {
  let custom: Record<string, HeaderValue> | undefined
  for (const name of Object.keys(headers)) {
    if (!CELERY_HEADERS.has(name)) assign((custom ??= {}), name, headers[name] as HeaderValue)
  }
  return custom ?? NO_HEADERS
}

/** A header may be called `__proto__`, and is then no prototype. */
function assign(headers: Record<string, HeaderValue>, name: string, value: HeaderValue): void {
  if (name !== '__proto__') headers[name] = value
  else Object.defineProperty(headers, name, { value, enumerable: true, configurable: true, writable: true })
}

/**
 * The same task once more, as Celery's `retry()` sends it: same id and body, one retry more, a new eta, `expires` as it
 * was, and the task its own parent where it had none.
 */
export function retryOf(request: TaskRequest, next: { eta: string | null; parentId?: string | null }): TaskRequest {
  const { [STARTS_HEADER]: _, [LEASE_HEADER]: __, ...custom } = request.custom
  return {
    ...request,
    custom,
    retries: request.retries + 1,
    eta: next.eta,
    parentId: next.parentId ?? request.parentId ?? request.id,
  }
}

const EMPTY_EMBED = encodeJson(NO_EMBED)

/**
 * The body of protocol 2, `[args, kwargs, embed]`, in JSON.
 * @throws LovageError `ENCODE_FAILED` naming the path, which begins with `$.args`, `$.kwargs` or `$.embed`
 */
export function encodeBody(
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
  embed: Embed = NO_EMBED,
  { types }: { types?: JsonTypes } = {},
): Uint8Array {
  const embedText = embed === NO_EMBED ? EMPTY_EMBED : encodeJson(embed, { types, path: '$.embed' })
  const argsText = encodeJson(args, { types, path: '$.args' })
  const text = `[${argsText}, ${encodeJson(kwargs, { types, path: '$.kwargs' })}, ${embedText}]`
  // All of it is ASCII.
  return Buffer.from(text, 'latin1')
}

/**
 * The body of protocol 2 as a serializer writes it, and what to say of it.
 * @throws LovageError `ENCODE_FAILED` as {@link encodeBody}
 */
export function serializeBody(
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
  embed: Embed,
  { serializer, types }: { serializer: Serializer; types?: JsonTypes },
): Serialized {
  const json = encodeBody(args, kwargs, embed, { types: typesFor(serializer, types) })
  if (serializer === 'json') return { body: json, contentType: JSON_TYPE, contentEncoding: 'utf-8' }
  return serializeJson(Buffer.from(json).toString('latin1'), serializer)
}

const BARE_END = Buffer.from(`${EMPTY_EMBED}]`)

/** Whether nothing follows the task, as far as the end of its body tells: false is for those where one must read it. */
export function isSurelyBare({ body, compression, contentType }: TaskRequest): boolean {
  if (compression !== undefined || contentType !== JSON_TYPE || body.length < BARE_END.length) return false
  return BARE_END.equals(body.subarray(body.length - BARE_END.length))
}

/** A body that has been read. */
export interface TaskBody {
  readonly args: unknown[]
  readonly kwargs: Record<string, unknown>
  readonly embed: Embed
}

/**
 * Reads the body.
 * @throws LovageError `CONTENT_REFUSED`, `BODY_UNDECODABLE`; `ARGUMENTS_INVALID` where it is read but args is not a list or
 *   kwargs not an object
 */
export function readBody(request: TaskRequest, limits: ContentLimits = {}): TaskBody {
  const decoded = deserialize(request, limits)
  // The object is a packed hybrid of protocols 1 and 2.
  const parts = isRecord(decoded) && 'args' in decoded ? [decoded.args, decoded.kwargs, decoded] : decoded
  if (!Array.isArray(parts) || parts.length !== 3) {
    throw new LovageError('BODY_UNDECODABLE', {
      contentType: request.contentType,
      problem: 'it is not [args, kwargs, embed]',
    })
  }
  const [args, kwargs] = parts as readonly unknown[]
  if (!Array.isArray(args)) throw argumentsInvalid(request, 'args is not a list')
  if (!isRecord(kwargs)) throw argumentsInvalid(request, 'kwargs is not an object')
  return { args, kwargs, embed: readEmbed(parts[2]) }
}

function argumentsInvalid(request: TaskRequest, problem: string): LovageError {
  return new LovageError('ARGUMENTS_INVALID', { task: request.task, problem })
}
