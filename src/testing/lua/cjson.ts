import { libraryOf } from './library.ts'
import { LuaError, LuaTable, type LuaValue, numberText } from './values.ts'

const ESCAPES: Readonly<Record<string, string>> = {
  '"': String.raw`\"`,
  '\\': String.raw`\\`,
  '/': String.raw`\/`,
  '\b': String.raw`\b`,
  '\f': String.raw`\f`,
  '\n': String.raw`\n`,
  '\r': String.raw`\r`,
  '\t': String.raw`\t`,
}

function escaped(char: string): string {
  return ESCAPES[char] ?? `\\u${(char.codePointAt(0) as number).toString(16).padStart(4, '0')}`
}

function encode(value: LuaValue): string {
  if (value === undefined || value === NULL) return 'null'
  // oxlint-disable-next-line no-control-regex
  if (typeof value === 'string') return `"${value.replaceAll(/["\\/\x00-\x1f\x7f]/g, escaped)}"`
  if (typeof value === 'number') return numberText(value)
  if (typeof value === 'boolean') return String(value)
  if (typeof value === 'function') throw new LuaError('Cannot serialise function: type not supported')
  const keys = value.keys()
  if (keys.length > 0 && keys.length === value.list.length) return `[${value.list.map(encode).join(',')}]`
  const members = keys.map((key) => `${encode(String(key))}:${encode(value.get(key))}`)
  return `{${members.join(',')}}`
}

/** What stands for JSON's null. */
const NULL = new LuaTable()

function toLua(value: unknown): LuaValue {
  if (value === null) return NULL
  if (typeof value === 'string') return Buffer.from(value, 'utf8').toString('latin1')
  if (typeof value !== 'object') return value as LuaValue
  if (Array.isArray(value)) return LuaTable.of(value.map(toLua))
  return libraryOf(Object.fromEntries(Object.entries(value).map(([name, member]) => [toLua(name), toLua(member)])))
}

function decode(text: LuaValue): LuaValue[] {
  try {
    return [toLua(JSON.parse(Buffer.from(String(text), 'latin1').toString('utf8')))]
  } catch {
    throw new LuaError('Expected value but found invalid token at character 1')
  }
}

/** JSON as the scripts of Redis have it. */
export const CJSON = libraryOf({ encode: (value) => [encode(value)], decode, null: NULL })
