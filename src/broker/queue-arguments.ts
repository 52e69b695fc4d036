import { isDeepStrictEqual } from 'node:util'
import type { HeaderValue, Headers } from '../protocol/headers.ts'
import type { ExchangeSpec, QueueSpec } from './broker.ts'

/** The argument table of a queue declaration, as RabbitMQ names its entries. */
export function queueArguments(spec: QueueSpec): Headers {
  const table: Record<string, HeaderValue> = {}
  if (spec.expiresMs !== undefined) table['x-expires'] = spec.expiresMs
  if (spec.messageTtlMs !== undefined) table['x-message-ttl'] = spec.messageTtlMs
  if (spec.maxLength !== undefined) table['x-max-length'] = spec.maxLength
  if (spec.maxPriority !== undefined) table['x-max-priority'] = spec.maxPriority
  return Object.assign(table, spec.arguments)
}

/** What differs between two declarations of one queue, in words; undefined when nothing does. */
export function queueMismatch(there: QueueSpec, wanted: QueueSpec): string | undefined {
  return (
    flagMismatch('durable', there.durable ?? true, wanted.durable ?? true) ??
    flagMismatch('autoDelete', there.autoDelete ?? false, wanted.autoDelete ?? false) ??
    flagMismatch('exclusive', there.exclusive ?? false, wanted.exclusive ?? false) ??
    argumentMismatch(queueArguments(there), queueArguments(wanted))
  )
}

/** What differs between two declarations of one exchange, in words; undefined when nothing does. */
export function exchangeMismatch(there: ExchangeSpec, wanted: ExchangeSpec): string | undefined {
  return (
    flagMismatch('type', there.type, wanted.type) ??
    flagMismatch('durable', there.durable ?? true, wanted.durable ?? true) ??
    flagMismatch('autoDelete', there.autoDelete ?? false, wanted.autoDelete ?? false)
  )
}

function argumentMismatch(there: Headers, wanted: Headers): string | undefined {
  for (const name of new Set([...Object.keys(there), ...Object.keys(wanted)])) {
    if (!isDeepStrictEqual(there[name], wanted[name])) return flagMismatch(name, there[name], wanted[name])
  }
  return undefined
}

function flagMismatch(name: string, there: unknown, wanted: unknown): string | undefined {
  return Object.is(there, wanted) ? undefined : `${name} is ${String(there)}, not ${String(wanted)}`
}
