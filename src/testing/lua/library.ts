import { compileFormat } from './format.ts'
import { findPattern, type Match } from './patterns.ts'
import {
  LuaError,
  type LuaFunction,
  LuaTable,
  type LuaValue,
  numberText,
  OPERATORS,
  toNumber,
  truthy,
  typeName,
} from './values.ts'

const { str, num } = OPERATORS

/** From and to as `string.sub` takes them: from 1, negative from the end. */
function slice(text: string, from: LuaValue, to: LuaValue): string {
  const [i, j] = [num(from ?? 1), num(to ?? -1)]
  const first = i < 0 ? Math.max(0, text.length + i) : Math.max(0, i - 1)
  const end = j < 0 ? text.length + j + 1 : j
  return text.slice(first, Math.max(first, end))
}

function startOf(text: string, init: LuaValue): number {
  const from = num(init ?? 1)
  return from < 0 ? Math.max(0, text.length + from) : Math.max(0, from - 1)
}

function taken(text: string, { from, to, captures }: Match): LuaValue[] {
  return captures.length > 0 ? [...captures] : [text.slice(from, to)]
}

function find(value: LuaValue, patternValue: LuaValue, init: LuaValue, isPlain: LuaValue): LuaValue[] {
  const [text, pattern] = [str(value), str(patternValue)]
  const start = startOf(text, init)
  if (start > text.length) return [undefined]
  if (truthy(isPlain)) {
    const at = text.indexOf(pattern, start)
    return at < 0 ? [undefined] : [at + 1, at + pattern.length]
  }
  const match = findPattern(text, pattern, start)
  return match ? [match.from + 1, match.to, ...match.captures] : [undefined]
}

function match(value: LuaValue, pattern: LuaValue, init: LuaValue): LuaValue[] {
  const text = str(value)
  const found = findPattern(text, str(pattern), startOf(text, init))
  return found ? taken(text, found) : [undefined]
}

function gmatch(value: LuaValue, pattern: LuaValue): LuaValue[] {
  const text = str(value)
  let at = 0
  return [
    () => {
      const found = at > text.length ? undefined : findPattern(text, str(pattern), at)
      if (!found) return [undefined]
      at = found.to === found.from ? found.to + 1 : found.to
      return taken(text, found)
    },
  ]
}

function gsub(value: LuaValue, pattern: LuaValue, by: LuaValue, most: LuaValue): LuaValue[] {
  const text = str(value)
  let [made, at, count] = ['', 0, 0]
  const replacement = (found: Match): LuaValue => {
    const captures = taken(text, found)
    if (typeof by === 'function') return by(...captures)?.[0]
    if (by instanceof LuaTable) return by.get(captures[0])
    return str(by).replaceAll(/%(.)/gs, (_, what: string) => {
      if (what === '0') return text.slice(found.from, found.to)
      return /\d/.test(what) ? str(captures[Number(what) - 1]) : what
    })
  }
  while (at <= text.length && count < num(most ?? Infinity)) {
    const found = findPattern(text, str(pattern), at)
    if (!found) break
    count++
    const one = replacement(found)
    made += text.slice(at, found.from) + (truthy(one) ? str(one) : text.slice(found.from, found.to))
    at = found.to
    if (found.to === found.from) made += text[at++] ?? ''
    if (str(pattern).startsWith('^')) break
  }
  return [made + text.slice(at), count]
}

const STRINGS: Readonly<Record<string, LuaFunction>> = {
  byte: (text, i = 1) => [str(text).codePointAt(num(i) - 1)],
  char: (...codes) => [String.fromCodePoint(...codes.map(num))],
  find,
  format: (format, ...values) => [compileFormat(str(format))(values)],
  gmatch,
  gsub,
  len: (text) => [str(text).length],
  lower: (text) => [str(text).replaceAll(/[A-Z]+/g, (upper) => upper.toLowerCase())],
  match,
  rep: (text, count) => [str(text).repeat(Math.max(0, num(count)))],
  reverse: (text) => [Array.from(str(text)).reverse().join('')],
  sub: (text, from, to) => [slice(str(text), from, to)],
  upper: (text) => [str(text).replaceAll(/[a-z]+/g, (lower) => lower.toUpperCase())],
}

function listOf(table: LuaValue): LuaValue[] {
  if (!(table instanceof LuaTable)) throw new LuaError(`table expected, got ${typeName(table)}`)
  return table.list
}

const TABLES: Readonly<Record<string, LuaFunction>> = {
  concat: (table, separator = '', from = 1, to = undefined) => {
    const list = listOf(table)
    return [
      list
        .slice(num(from) - 1, to === undefined ? list.length : num(to))
        .map(str)
        .join(str(separator)),
    ]
  },
  getn: (table) => [listOf(table).length],
  insert: (table, ...rest) => {
    const list = listOf(table)
    if (rest.length === 1) list.push(rest[0])
    else list.splice(num(rest[0]) - 1, 0, rest[1])
    return []
  },
  remove: (table, at) => {
    const list = listOf(table)
    return at === undefined ? [list.pop()] : list.splice(num(at) - 1, 1)
  },
  sort: (table, isLess) => {
    const before = (a: LuaValue, b: LuaValue): boolean =>
      typeof isLess === 'function' ? truthy(isLess(a, b)?.[0]) : OPERATORS.less(a, b)
    listOf(table).sort((a, b) => (before(a, b) ? -1 : before(b, a) ? 1 : 0))
    return []
  },
}

const MATHS: Readonly<Record<string, LuaFunction>> = {
  abs: (x) => [Math.abs(num(x))],
  ceil: (x) => [Math.ceil(num(x))],
  floor: (x) => [Math.floor(num(x))],
  fmod: (a, b) => [num(a) % num(b)],
  max: (...all) => [Math.max(...all.map(num))],
  min: (...all) => [Math.min(...all.map(num))],
  sqrt: (x) => [Math.sqrt(num(x))],
}

function nextOf(table: LuaValue, key: LuaValue): LuaValue[] {
  if (!(table instanceof LuaTable)) throw new LuaError(`table expected, got ${typeName(table)}`)
  const keys = table.keys()
  const next = keys[key === undefined ? 0 : keys.indexOf(key) + 1]
  return next === undefined ? [undefined] : [next, table.get(next)]
}

const BASE: Readonly<Record<string, LuaFunction>> = {
  assert: (...values) => {
    if (!truthy(values[0])) throw new LuaError(values[1] ?? 'assertion failed!')
    return values
  },
  error: (value) => {
    throw new LuaError(value)
  },
  ipairs: (table) => [
    (of, at) => {
      const next = num(at) + 1
      const value = RUNTIME.index(of, next)
      return value === undefined ? [undefined] : [next, value]
    },
    table,
    0,
  ],
  next: nextOf,
  pairs: (table) => [nextOf, table, undefined],
  pcall: (fn, ...args) => {
    try {
      return [true, ...OPERATORS.many(OPERATORS.call(fn, ...args))]
    } catch (error) {
      if (error instanceof LuaError) return [false, error.value]
      throw error
    }
  },
  select: (which, ...values) => (which === '#' ? [values.length] : values.slice(num(which) - 1)),
  tonumber: (value, base) => {
    if (base === undefined) return [toNumber(value)]
    const number = Number.parseInt(str(value), num(base))
    return [Number.isNaN(number) ? undefined : number]
  },
  tostring: (value) => [
    typeof value === 'string' ? value : typeof value === 'number' ? numberText(value) : String(value ?? 'nil'),
  ],
  type: (value) => [typeName(value)],
  unpack: (table, from = 1, to = undefined) => {
    const last = to === undefined ? listOf(table).length : num(to)
    const values: LuaValue[] = []
    for (let at = num(from); at <= last; at++) values.push(RUNTIME.index(table, at))
    return values
  },
}

/** A table of functions. */
export function libraryOf(members: Readonly<Record<string, LuaValue>>): LuaTable {
  const table = new LuaTable()
  for (const [name, value] of Object.entries(members)) table.set(name, value)
  return table
}

const STRING = libraryOf(STRINGS)

/** What every chunk has. */
export const LIBRARY: ReadonlyMap<string, LuaValue> = new Map<string, LuaValue>([
  ...Object.entries(BASE),
  ['string', STRING],
  ['table', libraryOf(TABLES)],
  ['math', libraryOf({ ...MATHS, huge: Infinity, pi: Math.PI })],
])

/** What compiled chunks call. */
export const RUNTIME = {
  ...OPERATORS,
  index(value: LuaValue, key: LuaValue): LuaValue {
    if (value instanceof LuaTable) return value.get(key)
    if (typeof value === 'string') return STRING.get(key)
    throw new LuaError(`attempt to index a ${typeName(value)} value`)
  },
  refuse(name: string): void {
    throw new LuaError(`Attempt to modify a readonly table: ${name}`)
  },
}
