import { createHash } from 'node:crypto'
import { type Chunk, compile } from '../lua/compiler.ts'
import { CJSON } from '../lua/cjson.ts'
import { LIBRARY, libraryOf } from '../lua/library.ts'
import { LuaError, LuaTable, type LuaValue, numberText } from '../lua/values.ts'
import { CommandError, type Reply, Status } from './reply.ts'

/** More scripts than a program has; what is dropped is only compiled again. */
const MOST = 500

const chunks = new Map<string, Chunk>()
const shas = new Map<string, string>()

/** Runs a command for a script. @throws CommandError */
export type ScriptCall = (name: string, args: readonly string[]) => Reply

/** Runs a script as the server does. @throws CommandError */
export function runScript(text: string, keys: readonly string[], args: readonly string[], call: ScriptCall): Reply {
  const own = new Map<string, LuaValue>([
    ['KEYS', LuaTable.of(keys)],
    ['ARGV', LuaTable.of(args)],
    ['redis', redisOf(call)],
    ['cjson', CJSON],
  ])
  const globals = (name: string): LuaValue => {
    const value = own.get(name) ?? LIBRARY.get(name)
    if (value !== undefined) return value
    throw new LuaError(`Script attempted to access nonexistent global variable '${name}'`)
  }
  try {
    return toReply(chunkOf(text)(globals)[0])
  } catch (error) {
    if (error instanceof SyntaxError) throw new CommandError(`ERR Error compiling script: ${error.message}`)
    if (!(error instanceof LuaError)) throw error
    const { value } = error
    throw new CommandError(value instanceof LuaTable ? String(value.get('err')) : `ERR user_script: ${error.message}`)
  }
}

export function shaOf(text: string): string {
  let sha = shas.get(text)
  if (sha === undefined) {
    sha = createHash('sha1').update(text, 'latin1').digest('hex')
    if (shas.size >= MOST) shas.clear()
    shas.set(text, sha)
  }
  return sha
}

function chunkOf(text: string): Chunk {
  let chunk = chunks.get(text)
  if (!chunk) {
    chunk = compile(text)
    if (chunks.size >= MOST) chunks.clear()
    chunks.set(text, chunk)
  }
  return chunk
}

function redisOf(call: ScriptCall): LuaTable {
  const run = (...args: LuaValue[]): LuaValue => {
    const texts = args.map((arg) => {
      if (typeof arg === 'string') return arg
      if (typeof arg === 'number') return argumentText(arg)
      throw new CommandError('ERR Lua redis lib command arguments must be strings or integers')
    })
    if (texts.length === 0)
      throw new CommandError('ERR Please specify at least one argument for this redis.call() call')
    return fromReply(call((texts[0] as string).toUpperCase(), texts.slice(1)))
  }
  const failed = (error: unknown): LuaTable => {
    if (error instanceof CommandError) return libraryOf({ err: error.message })
    throw error
  }
  return libraryOf({
    call: (...args) => {
      try {
        return [run(...args)]
      } catch (error) {
        throw new LuaError(failed(error))
      }
    },
    pcall: (...args) => {
      try {
        return [run(...args)]
      } catch (error) {
        return [failed(error)]
      }
    },
    error_reply: (text) => [libraryOf({ err: errorText(String(text)) })],
    status_reply: (text) => [libraryOf({ ok: text })],
    sha1hex: (text) => [shaOf(String(text))],
    log: () => [],
    LOG_DEBUG: 0,
    LOG_VERBOSE: 1,
    LOG_NOTICE: 2,
    LOG_WARNING: 3,
  })
}

/** A number given to a command: whole ones as such, others with 17 digits. */
function argumentText(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e17) return String(value)
  return Number.isFinite(value) ? String(Number(value.toPrecision(17))) : numberText(value)
}

function errorText(text: string): string {
  if (text.startsWith('-')) return text.slice(1)
  return text.includes(' ') ? text : `ERR ${text}`
}

function fromReply(reply: Reply): LuaValue {
  if (reply === null) return false
  if (reply instanceof Status) return libraryOf({ ok: reply.text })
  return Array.isArray(reply) ? LuaTable.of(reply.map(fromReply)) : reply
}

function toReply(value: LuaValue): Reply {
  if (value === undefined || value === false) return null
  if (value === true) return 1
  if (typeof value === 'number') return Math.trunc(value)
  if (typeof value === 'string') return value
  if (typeof value === 'function') return null
  const error = value.get('err')
  if (typeof error === 'string') throw new CommandError(error)
  const status = value.get('ok')
  if (typeof status === 'string') return new Status(status)
  return value.list.map(toReply)
}
