/**
 * Tags of AMQP field-table values, as py-amqp and RabbitMQ read them (amqp/serialization.py, RabbitMQ's errata):
 * `t` bool, `b` int8, `B` uint8, `s` int16, `u` uint16, `I` int32, `i` uint32, `l` and `L` int64, `f` float, `d` double,
 * `D` decimal, `S` text, `x` bytes, `A` list, `T` timestamp, `F` table, `V` null.
 */
export type WireTag =
  | 't'
  | 'b'
  | 'B'
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
 * decimal, an int that was written as int64. Decoders make one only where the plain value would be written with another
 * tag, so that a message that passes through keeps its types and readers rarely see one.
 */
export class WireValue {
  readonly tag: WireTag
  /** number, bigint (`l`, `L`, `T`), or for `D` a {@link WireDecimal}. */
  readonly value: number | bigint | WireDecimal

  constructor(tag: WireTag, value: number | bigint | WireDecimal) {
    this.tag = tag
    this.value = value
  }
}

/** `digits / 10 ** scale`. */
export interface WireDecimal {
  digits: number
  scale: number
}

/**
 * A header value. Plain values have one tag each: text `S`, boolean `t`, null `V`, bytes `x`, list `A`, object `F`,
 * integer in 32 bits `I`, larger integer (number or bigint) `l` if positive and `L` if negative, other number `d`.
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

/** The value without its tag: what a reader wants. Decimals become text. */
export function plainHeader(value: HeaderValue | undefined): Exclude<HeaderValue, WireValue> | undefined {
  if (!(value instanceof WireValue)) return value
  const inner = value.value
  if (typeof inner === 'object') return (inner.digits / 10 ** inner.scale).toFixed(inner.scale)
  if (typeof inner === 'bigint' && inner >= Number.MIN_SAFE_INTEGER && inner <= Number.MAX_SAFE_INTEGER)
    return Number(inner)
  return inner
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
      return Number.isInteger(value) && Math.abs(value) <= 2 ** 63 ? integerTag(value) : 'd'
    default:
      return value instanceof Uint8Array ? 'x' : Array.isArray(value) ? 'A' : 'F'
  }
}

function integerTag(value: number | bigint): WireTag {
  if (value >= -(2 ** 31) && value < 2 ** 31) return 'I'
  return value > 0 ? 'l' : 'L'
}
