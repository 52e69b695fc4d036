import { isEmptyObject } from './empty-object.ts'
import { isUtf8 } from 'node:buffer'
import { types } from 'node:util'
import { pythonNumber } from './json-write.ts'

/** Longest text that Celery lets a repr grow to, roughly: quotes, cut marks and closing brackets come on top. */
const MAX_LENGTH = 1024

/** Lists in lists in lists are shown; what they hold is `[...]`. */
const MAX_LEVELS = 3

/** So many arguments of so many characters are within the budget, whatever is escaped in them. */
const MOST_PLAIN = 8
const MOST_PLAIN_TEXT = 50

/** Limits of {@link pythonRepr}. */
export interface ReprLimits {
  /** Default 1024 characters. */
  readonly maxLength?: number
}

/**
 * Positional arguments as Celery shows them in headers, events and logs: the repr of a tuple, `(2, 'text', None)`, cut to
 * about 1024 characters. Never throws.
 */
export function argsRepr(args: readonly unknown[]): string {
  return plainTuple(args) ?? pythonRepr(new Tuple(args))
}

/** Keyword arguments as Celery shows them: `{'x': 1, 'flag': True}`, cut to about 1024 characters. Never throws. */
export function kwargsRepr(kwargs: Readonly<Record<string, unknown>>): string {
  return pythonRepr(kwargs)
}

/**
 * Any value as Celery's `saferepr` shows the Python value that it arrives as: strings in single quotes with only those
 * escaped, `None`, `True`, `nan`, `datetime.datetime(...)`, `b'...'`. Deeper than three levels it is `[...]`. Never
 * throws.
 */
export function pythonRepr(value: unknown, limits: ReprLimits = {}): string {
  try {
    if (limits.maxLength === undefined && isEmptyObject(value)) return '{}'
    return new Repr(limits.maxLength ?? MAX_LENGTH).of(value)
  } catch {
    // A proxy or an iterator of the user's that throws.
    return UNREADABLE
  }
}

/** A list, tuple, dict or set that is being shown. */
interface Frame {
  readonly close: string
  readonly isDict: boolean
  readonly items: Iterator<unknown>
  first: boolean
}

interface Container {
  readonly open: string
  readonly close: string
  readonly isDict: boolean
  readonly items: Iterable<unknown>
}

/**
 * Celery's saferepr, token by token, so that the cuts fall where Python's do. The budget is checked before each token; the
 * token that finds it spent is replaced by `, ...`, even where it was a closing bracket.
 */
class Repr {
  #left: number
  #text = ''
  #frames: Frame[] = []

  constructor(maxLength: number) {
    this.#left = maxLength
  }

  of(value: unknown): string {
    if (!this.#show(value)) return this.#cut()
    for (let frame = this.#frames.at(-1); frame; frame = this.#frames.at(-1)) {
      if (!this.#step(frame)) return this.#cut()
    }
    return this.#text
  }

  /** The next item of the innermost frame, or its end. False: the budget is spent. */
  #step(frame: Frame): boolean {
    const next = frame.items.next()
    if (next.done) {
      this.#frames.pop()
      return this.#token(frame.close)
    }
    if (!frame.first && !this.#token(', ')) return false
    frame.first = false
    if (!frame.isDict) return this.#show(next.value)
    const [name, member] = next.value as [unknown, unknown]
    return this.#key(name) && this.#token(': ') && this.#show(member)
  }

  #key(name: unknown): boolean {
    if (this.#left <= 0) return false
    return this.#token(typeof name === 'string' ? quoted(name, this.#left) : new Repr(this.#left).of(name))
  }

  #show(given: unknown): boolean {
    const value = plainOf(given)
    const container = containerOf(value)
    if (container === undefined) return this.#left > 0 && this.#token(scalarRepr(value, this.#left))
    if (this.#frames.length >= MAX_LEVELS) {
      return this.#left > 0 && this.#token(truncated(`${container.open}...${container.close}`, this.#left))
    }
    const { close, isDict, items } = container
    // Before its opening bracket: where that one is cut off, Python still shows the closing one.
    this.#frames.push({ close, isDict, items: items[Symbol.iterator](), first: true })
    return this.#token(container.open)
  }

  #token(text: string): boolean {
    if (this.#left <= 0) return false
    this.#text += text
    this.#left -= lengthOf(text)
    return true
  }

  #cut(): string {
    const closing = this.#frames.map((frame) => frame.close).reverse()
    return `${this.#text}, ...${closing.join('')}`
  }
}

/** What most arguments are: a few scalars, far from every limit. Undefined: the careful way must look. */
function plainTuple(args: readonly unknown[]): string | undefined {
  if (args.length > MOST_PLAIN) return undefined
  let text = '('
  for (let i = 0; i < args.length; i++) {
    const value = args[i]
    if (i > 0) text += ', '
    if (typeof value === 'number') text += numberRepr(value)
    else if (typeof value === 'string' && value.length <= MOST_PLAIN_TEXT) text += quoted(value, MAX_LENGTH)
    else if (typeof value === 'boolean') text += value ? 'True' : 'False'
    else if (value === null) text += 'None'
    else return undefined
  }
  return text + (args.length === 1 ? ',)' : ')')
}

/** Marks what Python would hold as a tuple. */
class Tuple {
  readonly items: readonly unknown[]
  constructor(items: readonly unknown[]) {
    this.items = items
  }
}

function containerOf(value: unknown): Container | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (Array.isArray(value)) return { open: '[', close: ']', isDict: false, items: value }
  if (Object.getPrototypeOf(value) === Object.prototype) return dictOf(value)
  if (types.isDate(value) || types.isUint8Array(value)) return undefined
  if (value instanceof Tuple) {
    return { open: '(', close: value.items.length === 1 ? ',)' : ')', isDict: false, items: value.items }
  }
  if (types.isSet(value)) return value.size === 0 ? undefined : { open: '{', close: '}', isDict: false, items: value }
  if (types.isMap(value)) return { open: '{', close: '}', isDict: true, items: value }
  return dictOf(value)
}

function dictOf(value: object): Container {
  return { open: '{', close: '}', isDict: true, items: membersOf(value) }
}

/** Name and value of each member that is sent; the values are read one by one, because most may never be shown. */
function* membersOf(object: object): Generator<[string, unknown]> {
  for (const name of Object.keys(object)) {
    const value = read(() => (object as Record<string, unknown>)[name])
    if (value !== undefined) yield [name, value]
  }
}

function plainOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  if (!('toJSON' in value)) return types.isBoxedPrimitive(value) ? value.valueOf() : value
  if (types.isDate(value) || types.isUint8Array(value)) return value
  return read(() => (typeof value.toJSON === 'function' ? value.toJSON('') : value) as unknown)
}

/** Stands for a value whose getter or toJSON threw. */
const UNREADABLE = '<unreadable>'

function read(get: () => unknown): unknown {
  try {
    return get()
  } catch {
    return Symbol.for(UNREADABLE)
  }
}

function scalarRepr(value: unknown, max: number): string {
  switch (typeof value) {
    case 'string':
      return quoted(value, max)
    case 'boolean':
      return truncated(value ? 'True' : 'False', max)
    case 'number':
      return truncated(numberRepr(value), max)
    case 'bigint':
      return truncated(String(value), max)
    case 'undefined':
      return truncated('None', max)
    case 'object':
      return value === null ? truncated('None', max) : objectRepr(value, max)
    case 'symbol':
      return value === Symbol.for(UNREADABLE) ? UNREADABLE : '<symbol>'
    default:
      return '<function>'
  }
}

function objectRepr(value: object, max: number): string {
  if (types.isUint8Array(value)) return bytesRepr(value, max)
  return truncated(types.isDate(value) ? dateRepr(value) : 'set()', max)
}

function numberRepr(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  return pythonNumber(value)
}

function dateRepr(date: Date): string {
  if (Number.isNaN(date.getTime())) return '<Invalid Date>'
  const parts = [
    date.getUTCFullYear(),
    date.getUTCMonth() + 1,
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
  ]
  const second = date.getUTCSeconds()
  const ms = date.getUTCMilliseconds()
  if (second > 0 || ms > 0) parts.push(second)
  if (ms > 0) parts.push(ms * 1000)
  return `datetime.datetime(${parts.join(', ')}, tzinfo=datetime.timezone.utc)`
}

function quoted(text: string, max: number): string {
  return `'${truncated(text, max).replaceAll("'", "\\'")}'`
}

function bytesRepr(bytes: Uint8Array, max: number): string {
  const shown = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, max))
  return `b'${shown.toString(isUtf8(shown) ? 'utf8' : 'hex')}${bytes.byteLength > max ? '...' : ''}'`
}

/** Python counts code points. No text comes here that is much longer than the budget. */
function lengthOf(text: string): number {
  let length = text.length
  for (let at = 1; at < text.length; at++) {
    const isLow = (text.charCodeAt(at) & 0xfc00) === 0xdc00
    if (isLow && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800) length--
  }
  return length
}

/** Celery's truncate: at the last space within `max` code points. */
function truncated(text: string, max: number): string {
  if (text.length < max) return text
  // Twice as many units hold at least `max` code points; the rest of a long text need not be looked at.
  const points = Array.from(text.slice(0, 2 * max))
  if (points.length < max) return text
  const head = points.slice(0, max).join('')
  const space = head.lastIndexOf(' ')
  return `${space < 0 ? head : head.slice(0, space)}...`
}
