import { plainHeader, type Headers } from './headers.ts'

/** Where in a trace something happens, in the words of W3C's Trace Context. */
export interface TraceContext {
  /** `00-<trace id>-<parent id>-<flags>`. */
  readonly traceparent: string
  readonly tracestate?: string
}

/** Version, trace id, parent id, flags; later versions may go on after another dash. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[\x21-\x7e]*)?$/

/** What may stand in a `tracestate`, as long as all must pass on. */
const TRACESTATE = /^[\x20-\x7e]{1,512}$/

/** The trace of headers, of HTTP or of a message alike; undefined where there is none, or none that is valid. */
export function traceOf(headers: Readonly<Record<string, unknown>>): TraceContext | undefined {
  const { traceparent, tracestate } = headers as { traceparent?: unknown; tracestate?: unknown }
  if (typeof traceparent !== 'string' || traceparent.length > 256) return undefined
  const match = TRACEPARENT.exec(traceparent)
  // The first version has nothing after its flags.
  if (!match || (match[2] !== undefined && traceparent.startsWith('00'))) return undefined
  const isKept = typeof tracestate === 'string' && TRACESTATE.test(tracestate)
  return isKept ? { traceparent, tracestate } : { traceparent }
}

/** As {@link traceOf}, of the headers of a message, where values may have tags. */
export function traceOfMessage({ traceparent, tracestate }: Headers): TraceContext | undefined {
  if (traceparent === undefined) return undefined
  return traceOf({ traceparent: plainHeader(traceparent), tracestate: plainHeader(tracestate) })
}

/** The id that all of a trace has in common: what logs are searched for. */
export function traceIdOf({ traceparent }: TraceContext): string {
  return traceparent.slice(3, 35)
}
