import { isEmptyObject } from './empty-object.ts'
import { types } from 'node:util'
import { isLovageError, LovageError, messageOf } from '../base/errors.ts'
import { formatIsoNaive, isIsoTime } from './iso-time.ts'
import { MAX_DEPTH, MAX_DIGITS } from './json-limits.ts'
import { isKnownType, typedBytes, typedDate, typeNameOf } from './json-typed.ts'

/** Options of {@link writeJson}. */
export interface WriteOptions {
  readonly typed: boolean
  /** What the value is called in errors. */
  readonly path: string
  /** Write NaN, Infinity and -Infinity as Python does, for values that came that way and are passed on. */
  readonly nonFinite?: boolean | undefined
}

/** Where the writer stands: names and objects from the value down to here, kept to name the place of an error. */
interface Place extends WriteOptions {
  readonly names: (string | number | undefined)[]
  readonly open: object[]
}

/**
 * JSON as Python's `json.dumps` writes it. See {@link encodeJson}.
 * @throws LovageError `ENCODE_FAILED`
 */
export function writeJson(value: unknown, options: WriteOptions): string {
  try {
    const simple = writeSimple(value)
    if (simple !== undefined) return simple
  } catch {
    // A getter or a proxy of the user's: the careful way says where.
  }
  const { typed, path, nonFinite } = options
  return write(value, { typed, path, nonFinite, names: [], open: [] }, 0)
}

/**
 * What most arguments are, a list of a few texts and numbers, or an object with nothing in it: nothing in these can fail,
 * so no place need be kept. Undefined: the careful way must look.
 */
function writeSimple(value: unknown): string | undefined {
  if (!Array.isArray(value)) return isEmptyObject(value) ? '{}' : undefined
  let text = '['
  for (let at = 0; at < value.length; at++) {
    const item: unknown = value[at]
    if (at > 0) text += ', '
    if (typeof item === 'string') text += quoteJson(item)
    else if (typeof item === 'number' && Number.isFinite(item)) text += numberText(item)
    else if (typeof item === 'boolean') text += item ? 'true' : 'false'
    else if (item === null || item === undefined) text += 'null'
    else return undefined
  }
  return `${text}]`
}

function write(value: unknown, place: Place, depth: number): string {
  switch (typeof value) {
    case 'string':
      return quoteJson(value)
    case 'number':
      return writeNumber(value, place, depth)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      return value === null ? 'null' : writeObject(value, place, depth)
    case 'undefined':
      return 'null'
    case 'bigint':
      return writeBigInt(value, place, depth)
    default:
      throw failure(place, depth, `it is a ${typeof value}`)
  }
}

/** Text that stands between the quotes as it is: printable ASCII without quote and backslash. */
const BARE = /^[ !#-[\]-~]*$/

/** A JSON string in ASCII, as Python writes it. */
export function quoteJson(text: string): string {
  // Starting the regular expression costs more than a look at a few characters.
  if (text.length > 32 && BARE.test(text)) return `"${text}"`
  let quoted = '"'
  let from = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit >= 0x20 && unit < 0x7f && unit !== 0x22 && unit !== 0x5c) continue
    if (from < at) quoted += text.slice(from, at)
    quoted += unit < 0x7f ? JSON.stringify(text[at]).slice(1, -1) : `\\u${HEX[unit >> 8]}${HEX[unit & 0xff]}`
    from = at + 1
  }
  return from === 0 ? `"${text}"` : `${quoted}${text.slice(from)}"`
}

/** Names of members come again and again: each is quoted once, as far as there is room. */
const NAMES = new Map<string, string>()
const MOST_NAMES = 2_000
const LONGEST_NAME = 64

function quoteName(name: string): string {
  const quoted = `${quoteJson(name)}: `
  if (NAMES.size < MOST_NAMES && name.length <= LONGEST_NAME) NAMES.set(name, quoted)
  return quoted
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

function writeNumber(value: number, place: Place, depth: number): string {
  if (Number.isFinite(value)) return numberText(value)
  if (!place.nonFinite) throw failure(place, depth, `it is ${value}`)
  return String(value)
}

function numberText(value: number): string {
  return (value | 0) === value ? `${value | 0}` : pythonNumber(value)
}

/**
 * A finite number in the notation of Python's `repr`: small floats as `1e-05`, and integers beyond 2^53 as the floats that
 * they are (`1e+16`), so that they come back as numbers. Who means an integer sends a BigInt.
 */
export function pythonNumber(value: number): string {
  const size = Math.abs(value)
  if (size < 1e-4 && size > 0) return value.toExponential().replace(/e-(\d)$/, 'e-0$1')
  if (size <= Number.MAX_SAFE_INTEGER) return `${value}`
  return size < 1e16 ? `${value}.0` : value.toExponential()
}

function writeBigInt(value: bigint, place: Place, depth: number): string {
  const text = value.toString()
  if (text.length > MAX_DIGITS) throw failure(place, depth, `it is an integer of more than ${MAX_DIGITS} digits`)
  return text
}

function writeObject(value: object, place: Place, depth: number): string {
  if (depth >= MAX_DEPTH) throw failure(place, depth, `it is nested deeper than ${MAX_DEPTH}`)
  for (let outer = depth - 1; outer >= 0; outer--) {
    if (place.open[outer] === value)
      throw failure(place, depth, `it is circular: it contains ${pathOf(place, outer)} again`)
  }
  place.open[depth] = value
  place.names[depth] = undefined
  try {
    if (Array.isArray(value)) return writeList(value, place, depth)
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null) {
      const special = writeSpecial(value, place, depth)
      if (special !== undefined) return special
    }
    if ('toJSON' in value && typeof value.toJSON === 'function') return writeToJson(value, value.toJSON, place, depth)
    return writeMembers(value as Record<string, unknown>, place, depth)
  } catch (error) {
    if (isLovageError(error, 'ENCODE_FAILED')) throw error
    // A getter, whose name is the last, a toJSON or a proxy of the user's.
    throw failure(
      place,
      place.names[depth] === undefined ? depth : depth + 1,
      `reading it threw: ${messageOf(error)}`,
      error,
    )
  }
}

function writeList(list: readonly unknown[], place: Place, depth: number): string {
  let text = '['
  for (let at = 0; at < list.length; at++) {
    place.names[depth] = at
    if (at > 0) text += ', '
    text += write(list[at], place, depth + 1)
  }
  return `${text}]`
}

function writeMembers(object: Record<string, unknown>, place: Place, depth: number): string {
  const names = Object.keys(object)
  if (place.typed && names.length === 2) refuseUnknownType(object, place, depth)
  let text = ''
  for (const name of names) {
    place.names[depth] = name
    const member = object[name]
    if (member === undefined) continue
    text += text === '' ? '{' : ', '
    text += (NAMES.get(name) ?? quoteName(name)) + write(member, place, depth + 1)
  }
  return text === '' ? '{}' : `${text}}`
}

/** Python drops a message that holds a type it does not know, without telling anybody: better to fail here. */
function refuseUnknownType(object: object, place: Place, depth: number): void {
  const type = typeNameOf(object)
  if (type !== undefined && !isKnownType(type)) {
    throw failure(place, depth, `its __type__ ${JSON.stringify(type)} is none that Python's kombu knows`)
  }
}

function writeToJson(value: object, toJson: Function, place: Place, depth: number): string {
  const name = depth === 0 ? '' : String(place.names[depth - 1])
  const plain: unknown = toJson.call(value, name)
  if (typeof plain !== 'object' || plain === null) return write(plain, place, depth)
  if (Array.isArray(plain)) return writeList(plain, place, depth)
  return writeSpecial(plain, place, depth) ?? writeMembers(plain as Record<string, unknown>, place, depth)
}

/** What JSON has no form for, or a form that loses it. Undefined: it is written by its members. */
function writeSpecial(value: object, place: Place, depth: number): string | undefined {
  if (types.isDate(value)) return writeDate(value.getTime(), place, depth)
  if (types.isUint8Array(value)) return writeBytes(value, place, depth)
  if (types.isBoxedPrimitive(value)) return write(value.valueOf(), place, depth)
  const kind = refusedKind(value)
  if (kind !== undefined) throw failure(place, depth, `it is ${kind}`)
  return undefined
}

function writeDate(epochMs: number, place: Place, depth: number): string {
  if (!isIsoTime(epochMs)) throw failure(place, depth, 'it is an invalid Date, or one outside of the years 1 to 9999')
  return place.typed ? typedDate(epochMs) : `"${formatIsoNaive(epochMs)}Z"`
}

function writeBytes(bytes: Uint8Array, place: Place, depth: number): string {
  if (!place.typed) throw failure(place, depth, 'it is bytes, which the plain form has no way to write')
  return typedBytes(bytes, quoteJson)
}

/** Objects that JSON.stringify would write as `{}` or worse. Those with a toJSON of their own are welcome. */
function refusedKind(value: object): string | undefined {
  if ('toJSON' in value && typeof value.toJSON === 'function') return undefined
  if (types.isMap(value)) return 'a Map; Object.fromEntries makes a plain object of it'
  if (types.isSet(value)) return 'a Set; [...set] makes a list of it'
  if (types.isPromise(value)) return 'a Promise; await it first'
  if (types.isNativeError(value)) return 'an Error; send its message'
  if (types.isRegExp(value)) return 'a RegExp; send its source'
  if (types.isWeakMap(value) || types.isWeakSet(value)) return 'a WeakMap or WeakSet'
  if (types.isAnyArrayBuffer(value) || ArrayBuffer.isView(value)) return 'a buffer other than Uint8Array'
  return undefined
}

function failure(place: Place, depth: number, problem: string, cause?: unknown): LovageError {
  return new LovageError('ENCODE_FAILED', { path: pathOf(place, depth), problem }, { cause })
}

const NAME = /^[A-Za-z_$][\w$]*$/

function pathOf(place: Place, depth: number): string {
  const steps = place.names.slice(0, depth).map((name) => {
    if (typeof name === 'number') return `[${name}]`
    return name === undefined ? '' : NAME.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`
  })
  return place.path + steps.join('')
}
