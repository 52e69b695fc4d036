import { type Headers, type HeaderValue, plainHeader } from '../../protocol/headers.ts'
import type { JsonTypes } from '../../protocol/json.ts'
import { type Outcome, payloadText } from '../../protocol/outcome.ts'
import type { TaskRequest } from '../../protocol/task-message.ts'
import type { Job } from '../pool.ts'

/** A thing without the names of its members, which cost more to write and to read than what they hold. */
export type Packed = readonly unknown[]

/** The members of a request in the order in which they cross, but for those that need care. */
const REQUEST = [
  ...(['id', 'task', 'lang', 'shadow', 'eta', 'expires', 'group', 'groupIndex', 'retries', 'timelimit'] as const),
  ...(['rootId', 'parentId', 'argsrepr', 'kwargsrepr', 'origin', 'ignoreResult', 'replacedTaskNesting'] as const),
  ...(['stampedHeaders', 'replyTo', 'correlationId', 'priority', 'contentType', 'contentEncoding'] as const),
  ...(['compression', 'stamps', 'custom', 'body'] as const),
] as const satisfies readonly (keyof TaskRequest)[]

/** What a job is called on its way there and back, and how it is to be run. */
export interface JobLabel {
  readonly n: number
  /** Somebody waits to hear that it has started. */
  readonly isTold: boolean
  /** It has begun to run before. */
  readonly isAgain: boolean
}

/** Up to so many bytes go as text: a buffer of its own costs more than that for each. */
const SHORT_BODY = 8_192

/** The job as it can cross: bytes of its own, plain headers. */
export function packJob({ request, delivery, hostname }: Job, { n, isTold, isAgain }: JobLabel): Packed {
  const { exchange, routingKey, redelivered } = delivery
  const packed: unknown[] = [n, isTold, exchange, routingKey, redelivered || isAgain, hostname]
  for (const name of REQUEST) packed.push(request[name])
  const { body, custom, stamps } = request
  const end = packed.length
  packed[end - 3] = plainHeaders(stamps)
  packed[end - 2] = plainHeaders(custom)
  const { buffer, byteOffset, byteLength } = body
  if (byteLength <= SHORT_BODY) packed[end - 1] = Buffer.from(buffer, byteOffset, byteLength).toString('latin1')
  // A view would take all of the buffer with it that it lies in.
  else if (byteLength !== buffer.byteLength) packed[end - 1] = new Uint8Array(body)
  return packed
}

/** @see packJob */
export function unpackJob(packed: Packed): { n: number; isTold: boolean; job: Job } {
  const [n, isTold, exchange, routingKey, redelivered, hostname] = packed as PackedHead
  const request: Record<string, unknown> = {}
  for (let i = 0; i < REQUEST.length; i++) request[REQUEST[i] as string] = packed[i + 6]
  request.stamps ??= {}
  request.custom ??= {}
  if (typeof request.body === 'string') request.body = Buffer.from(request.body, 'latin1')
  const delivery = { exchange, routingKey, redelivered }
  return { n, isTold, job: { request: request as unknown as TaskRequest, delivery, hostname } }
}

type PackedHead = readonly [number, boolean, string, string, boolean, string]

/** Members that few outcomes have. */
const SELDOM = [
  'children',
  'groupId',
  'parentId',
  'retry',
  'requeue',
  'dead',
  'embed',
] as const satisfies (keyof Outcome)[]

/** The outcome of job `n` as it can cross: with its result as text. */
export function packOutcome(n: number, outcome: Outcome, types: JsonTypes): Packed {
  const { id, state, result, traceback, doneAtMs, runMs } = outcome
  const packed: unknown[] = [n, id, state, payloadText(result, { types }), traceback, doneAtMs, runMs]
  for (const name of SELDOM) if (outcome[name] !== undefined) packed.push(name, outcome[name])
  return packed
}

/** @see packOutcome */
export function unpackOutcome(packed: Packed): Outcome {
  const [, id, state, text, traceback, doneAtMs, runMs] = packed
  const outcome: Record<string, unknown> = { id, state, result: { text }, traceback }
  if (doneAtMs !== undefined) outcome.doneAtMs = doneAtMs
  if (runMs !== undefined) outcome.runMs = runMs
  for (let i = 7; i < packed.length; i += 2) outcome[packed[i] as string] = packed[i + 1]
  return outcome as unknown as Outcome
}

/** Without the tags that only a wire has use for; no object is made where there is nothing to write. */
function plainHeaders(headers: Headers): Record<string, unknown> | undefined {
  let plain: Record<string, unknown> | undefined
  for (const name in headers) (plain ??= {})[name] = plainDeep(headers[name])
  return plain
}

function plainDeep(value: HeaderValue | undefined): unknown {
  const plain = plainHeader(value)
  if (Array.isArray(plain)) return plain.map((item) => plainDeep(item as HeaderValue))
  if (typeof plain !== 'object' || plain === null || plain instanceof Uint8Array) return plain
  return plainHeaders(plain as Headers) ?? {}
}
