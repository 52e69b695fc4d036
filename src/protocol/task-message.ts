import type { Headers } from './headers.ts'

/**
 * A task message with its headers read and its body not: what travels from intake to the pool. Names are the headers' in
 * camelCase; missing ones have Celery's defaults.
 */
export interface TaskRequest {
  readonly id: string
  readonly task: string
  readonly lang: string
  readonly shadow: string | null
  /** ISO 8601 text, as it came. */
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
  readonly stamps: Readonly<Record<string, unknown>>
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
