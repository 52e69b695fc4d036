/**
 * Tags of AMQP field-table values, as py-amqp and RabbitMQ read them (amqp/serialization.py, RabbitMQ's errata,
 * rabbit_binary_parser.erl): `t` bool, `b` int8, `B` uint8, `U` and `s` int16, `u` uint16, `I` int32, `i` uint32, `l` and
 * `L` int64, `f` float, `d` double, `D` decimal, `S` text, `x` bytes, `A` list, `T` timestamp, `F` table, `V` null.
 */
export type WireTag =
  | 't'
  | 'b'
  | 'B'
  | 'U'
  | 's'
  | 'u'
  | 'I'
  | 'i'
  | 'l'
  | 'L'
  | 'f'
  | 'd'
  | 'D'
  | 'S'
  | 'x'
  | 'A'
  | 'T'
  | 'F'
  | 'V'

/**
 * A header value whose tag on the wire would be lost if it were held as a plain value: `1.0` (`d`), a timestamp, a
 * decimal, an int that was written as int64, text that is not UTF-8. Decoders make one only where the plain value would
 * be written with another tag, so that a message that passes through keeps its types and readers rarely see one.
 */
export class WireValue {
  readonly tag: WireTag
  /** number; bigint for `l`, `L`, `T`; a {@link WireDecimal} for `D`; the bytes for `S`. */
  readonly value: number | bigint | WireDecimal | Uint8Array

  constructor(tag: WireTag, value: number | bigint | WireDecimal | Uint8Array) {
    this.tag = tag
    this.value = value
  }
}

/** `digits / 10 ** scale`. Digits are an int32, scale a uint8. */
export interface WireDecimal {
  readonly digits: number
  readonly scale: number
}

/**
 * A header value. Plain values have one tag each: text `S`, boolean `t`, null `V`, bytes `x`, list `A`, object `F`,
 * integer in 32 bits `I`, larger integer in 64 bits (number or bigint) `l` if positive and `L` if negative, any other
 * number `d`.
 */
export type HeaderValue =
  | null
  | boolean
  | string
  | number
  | bigint
  | Uint8Array
  | WireValue
  | readonly HeaderValue[]
  | { readonly [name: string]: HeaderValue }

/** The headers of a message, in wire order. */
export type Headers = Readonly<Record<string, HeaderValue>>

/** How often a message that came back was started again: see docs/guide-worker.md. */
export const STARTS_HEADER = 'x-lovage-starts'

/** On a copy that a worker holds under lease: which one it is. See docs/guide-worker.md. */
export const LEASE_HEADER = 'x-lovage-lease'

/** How often a message went back from workers that do not know its task to one that does. */
export const UNKNOWN_HEADER = 'x-lovage-unknown'

/** When nobody needs the answer any more, in epoch ms: see docs/guide-gateway.md. */
export const DEADLINE_HEADER = 'x-lovage-deadline'

/** The mark of one message of several of the same task, of which one is run: see docs/guide-gateway.md. */
export const ONCE_HEADER = 'x-lovage-once'

/** The deadline that a message carries, epoch ms; `Infinity`: none, or none that can be read. */
export function deadlineOf(headers: Headers): number {
  const value = plainHeader(headers[DEADLINE_HEADER])
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : Infinity
}

/** The value without its tag: what a reader wants. Decimals become text, text that is not UTF-8 its bytes. */
export function plainHeader(value: HeaderValue | undefined): Exclude<HeaderValue, WireValue> | undefined {
  if (!(value instanceof WireValue)) return value
  const inner = value.value
  if (inner instanceof Uint8Array) return inner
  if (typeof inner === 'object') return decimalText(inner)
  if (typeof inner === 'bigint' && inner >= Number.MIN_SAFE_INTEGER && inner <= Number.MAX_SAFE_INTEGER)
    return Number(inner)
  return inner
}

function decimalText({ digits, scale }: WireDecimal): string {
  if (scale === 0) return String(digits)
  const text = String(Math.abs(digits)).padStart(scale + 1, '0')
  return `${digits < 0 ? '-' : ''}${text.slice(0, -scale)}.${text.slice(-scale)}`
}

/** The tag that a value has on the wire. */
export function wireTagOf(value: HeaderValue): WireTag {
  if (value === null) return 'V'
  if (value instanceof WireValue) return value.tag
  switch (typeof value) {
    case 'boolean':
      return 't'
    case 'string':
      return 'S'
    case 'bigint':
      return integerTag(value)
    case 'number':
      return Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63 ? integerTag(value) : 'd'
    default:
      return value instanceof Uint8Array ? 'x' : Array.isArray(value) ? 'A' : 'F'
  }
}

function integerTag(value: number | bigint): WireTag {
  if (value >= -(2 ** 31) && value < 2 ** 31) return 'I'
  return value > 0 ? 'l' : 'L'
}
