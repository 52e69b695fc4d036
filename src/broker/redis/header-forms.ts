import { type HeaderValue, type Headers, plainHeader, type WireTag, WireValue } from '../../protocol/headers.ts'

/** JSON that says a header value with its type: `{"$": [kind, value]}` where JSON alone would not. */
type Form = unknown

/** Headers as JSON has them, and beside them those that JSON cannot say exactly. */
export interface WrittenHeaders {
  /** As Python reads them: a number where the wire had a kind of number, base64 where it had bytes. */
  readonly plain: Readonly<Record<string, unknown>>
  readonly exact: Readonly<Record<string, Form>> | undefined
}

/** Redis has no types for headers as AMQP has: what would change by being written as JSON is written twice. */
export function writeHeaders(headers: Headers): WrittenHeaders {
  let exact: Record<string, Form> | undefined
  let plain: Record<string, unknown> | undefined
  for (const name of Object.keys(headers)) {
    const value = headers[name]
    if (value === undefined || isExact(value)) continue
    plain ??= { ...headers }
    plain[name] = plainly(value)
    exact ??= {}
    exact[name] = formOf(value)
  }
  return { plain: plain ?? headers, exact }
}

/** The headers as they were, in their order. */
export function readHeaders(plain: Readonly<Record<string, unknown>>, exact: unknown): Headers {
  if (!isObject(exact)) return plain as Headers
  const headers: Record<string, HeaderValue> = {}
  for (const [name, value] of Object.entries(plain)) {
    headers[name] = name in exact ? valueOf(exact[name]) : (value as HeaderValue)
  }
  return headers
}

/** Whether the value comes back from JSON as it went in. */
export function isExact(value: HeaderValue): boolean {
  switch (typeof value) {
    case 'number':
      return Number.isSafeInteger(value) || !Number.isInteger(value)
    case 'bigint':
      return value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER
    case 'object':
      if (value === null) return true
      if (value instanceof WireValue || value instanceof Uint8Array) return false
      return Object.values(value).every((one: HeaderValue) => isExact(one))
    default:
      return true
  }
}

function plainly(value: HeaderValue): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (value instanceof WireValue) return plainly(plainHeader(value) ?? null)
  if (Array.isArray(value)) return value.map(plainly)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plainly(one as HeaderValue)]))
}

function formOf(value: HeaderValue): Form {
  if (typeof value === 'bigint') return { $: ['n', String(value)] }
  if (typeof value === 'number' && !isExact(value)) return { $: ['f', String(value)] }
  if (value instanceof Uint8Array) return { $: ['b', Buffer.from(value).toString('base64')] }
  if (value instanceof WireValue) return { $: ['w', value.tag, innerForm(value.value)] }
  if (Array.isArray(value)) return value.map(formOf)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.fromEntries(Object.entries(value).map(([name, one]) => [name, formOf(one as HeaderValue)]))
  return '$' in members ? { $: ['o', members] } : members
}

function innerForm(value: WireValue['value']): Form {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint' || value instanceof Uint8Array) return formOf(value)
  return [value.digits, value.scale]
}

function valueOf(form: Form): HeaderValue {
  if (Array.isArray(form)) return form.map(valueOf)
  if (!isObject(form)) return form as HeaderValue
  const special = form.$
  if (!Array.isArray(special)) return membersOf(form)
  const [kind, value, inner] = special as [string, unknown, unknown]
  if (kind === 'n') return BigInt(String(value))
  if (kind === 'f') return Number(value)
  if (kind === 'b') return Buffer.from(String(value), 'base64')
  if (kind === 'w') return new WireValue(value as WireTag, innerOf(inner))
  return membersOf(value as Record<string, Form>)
}

function membersOf(form: Record<string, Form>): Headers {
  return Object.fromEntries(Object.entries(form).map(([name, one]) => [name, valueOf(one)]))
}

function innerOf(form: Form): WireValue['value'] {
  if (typeof form === 'number') return form
  if (Array.isArray(form)) return { digits: Number(form[0]), scale: Number(form[1]) }
  return valueOf(form) as bigint | Uint8Array
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
