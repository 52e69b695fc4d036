import { commandOf } from './commands.ts'
import { patternOf } from './glob.ts'
import { Keyspace } from './keyspace.ts'
import { CommandError, integer, OK, type Reply, Status } from './reply.ts'
import { runScript, shaOf } from './script.ts'

/** One connection, as the server sees it. */
export interface Client {
  /** A message of a channel that it listens to. */
  readonly onMessage: (channel: string, text: string, pattern: string | undefined) => void
}

/** What a server knows of a connection. */
interface Known {
  readonly id: number
  readonly channels: Set<string>
  readonly patterns: Map<string, RegExp>
  /** Whom it is told that a key has changed which it read. */
  redirect: number | undefined
}

/** How a {@link RedisModel} is made. */
export interface RedisModelOptions {
  /** Milliseconds since 1970, with a fraction. */
  readonly nowMs: () => number
  /** Which server it is like: one of 7.2 goes by the keys that a script reads, an earlier one by those that it is given. */
  readonly version?: '7.0' | '7.2'
  /** Told after each command which keys it has changed. */
  readonly onChanged?: (keys: ReadonlySet<string>) => void
}

const INVALIDATIONS = '__redis__:invalidate'

/** A Redis: keys, scripts, channels and who is told of what. All texts have one character a byte. It keeps no files. */
export class RedisModel {
  readonly db: Keyspace
  /** It is a copy, and takes no writes. */
  isReplica = false
  /** It has no memory left, and drops nothing. */
  isFull = false
  readonly #options: RedisModelOptions
  #clients = new Map<Client, Known>()
  #lastId = 0
  #scripts = new Map<string, string>()
  /** Who is to be told of which key. */
  #readers = new Map<string, Set<Client>>()
  #current: Client | undefined
  readonly #changed = new Set<string>()

  constructor(options: RedisModelOptions) {
    this.#options = options
    this.db = new Keyspace(options.nowMs)
    this.db.onChanged = (key) => this.#onChanged(key)
  }

  connect(client: Client): void {
    const known: Known = { id: ++this.#lastId, channels: new Set(), patterns: new Map(), redirect: undefined }
    this.#clients.set(client, known)
  }

  disconnect(client: Client): void {
    this.#clients.delete(client)
  }

  /** It was started again: keys are there still, connections and scripts are not. */
  restart(): void {
    this.#clients.clear()
    this.#scripts.clear()
    this.#readers.clear()
  }

  /** Runs one command of a connection. @throws CommandError */
  execute(client: Client, command: string, args: readonly string[]): Reply {
    this.#current = client
    try {
      return this.#run(this.#knownOf(client), command.toUpperCase(), args)
    } finally {
      this.#current = undefined
      if (this.#changed.size > 0) {
        this.#options.onChanged?.(this.#changed)
        this.#changed.clear()
      }
    }
  }

  #run(known: Known, name: string, args: readonly string[]): Reply {
    switch (name) {
      case 'PING':
        return args[0] ?? new Status('PONG')
      case 'AUTH':
      case 'SELECT':
        return OK
      case 'INFO':
        return this.#info()
      case 'CLIENT':
        return this.#client(known, args)
      case 'SCRIPT':
        return this.#script(args)
      case 'EVAL':
        this.#scripts.set(shaOf(args[0] ?? ''), args[0] ?? '')
        return this.#eval(args[0] ?? '', args.slice(1))
      case 'EVALSHA': {
        const text = this.#scripts.get((args[0] ?? '').toLowerCase())
        if (text === undefined) throw new CommandError('NOSCRIPT No matching script. Please use EVAL.')
        return this.#eval(text, args.slice(1))
      }
      case 'SUBSCRIBE':
      case 'PSUBSCRIBE':
      case 'UNSUBSCRIBE':
      case 'PUNSUBSCRIBE':
        return this.#listen(known, name, args)
      case 'FLUSHALL':
        this.#readers.clear()
        this.db.clear()
        return OK
      default:
        return this.#look(name, args, undefined)
    }
  }

  /** A command that a script may give as well. */
  #look(
    name: string,
    args: readonly string[],
    script: { keys: readonly string[]; isDirty: boolean } | undefined,
  ): Reply {
    if (name === 'TIME') return timeOf(this.#options.nowMs())
    if (name === 'PUBLISH') return this.#publish(args[0] ?? '', args[1] ?? '')
    const command = commandOf(name, args)
    if (!command) {
      throw new CommandError(script ? 'ERR Unknown Redis command called from script' : `ERR unknown command '${name}'`)
    }
    if (command.writes && this.isReplica) {
      throw new CommandError("READONLY You can't write against a read only replica.")
    }
    // In the middle of its work a script is not stopped.
    if (command.grows && this.isFull && !script?.isDirty) {
      throw new CommandError("OOM command not allowed when used memory > 'maxmemory'.")
    }
    if (script && command.writes) script.isDirty = true
    const reply = command.run(this.db, args)
    if (!command.writes) {
      const isByScript = script && this.#options.version !== '7.2'
      this.#remember(isByScript ? script.keys : command.keys(args))
    }
    return reply
  }

  #eval(text: string, [count, ...rest]: readonly string[]): Reply {
    const keys = rest.slice(0, integer(count))
    const script = { keys, isDirty: false }
    return runScript(text, keys, rest.slice(keys.length), (name, args) => this.#look(name, args, script))
  }

  #script([what = '', ...texts]: readonly string[]): Reply {
    const text = texts[0] ?? ''
    switch (what.toUpperCase()) {
      case 'LOAD':
        this.#scripts.set(shaOf(text), text)
        return shaOf(text)
      case 'EXISTS':
        return texts.map((sha) => Number(this.#scripts.has(sha)))
      case 'FLUSH':
        this.#scripts.clear()
        return OK
      default:
        throw new CommandError(`ERR unknown subcommand '${what}'`)
    }
  }

  #client(known: Known, [what = '', ...options]: readonly string[]): Reply {
    if (what.toUpperCase() === 'ID') return known.id
    if (what.toUpperCase() === 'SETNAME') return OK
    if (what.toUpperCase() !== 'TRACKING') throw new CommandError(`ERR unknown subcommand '${what}'`)
    // Always with NOLOOP, as we have it.
    const isOn = options[0]?.toUpperCase() === 'ON'
    const at = options.findIndex((option) => option.toUpperCase() === 'REDIRECT')
    known.redirect = isOn ? Number(options[at + 1]) : undefined
    return OK
  }

  #listen({ channels, patterns }: Known, name: string, args: readonly string[]): Reply {
    for (const arg of args) {
      if (name === 'SUBSCRIBE') channels.add(arg)
      else if (name === 'UNSUBSCRIBE') channels.delete(arg)
      else if (name === 'PSUBSCRIBE') patterns.set(arg, patternOf(arg))
      else patterns.delete(arg)
    }
    return [name.toLowerCase(), args.at(-1) ?? null, channels.size + patterns.size]
  }

  #publish(channel: string, text: string): number {
    let heard = 0
    for (const [client, { channels, patterns }] of [...this.#clients]) {
      if (channels.has(channel)) {
        heard++
        client.onMessage(channel, text, undefined)
      }
      for (const [pattern, expression] of patterns) {
        if (!expression.test(channel)) continue
        heard++
        client.onMessage(channel, text, pattern)
      }
    }
    return heard
  }

  #remember(keys: readonly string[]): void {
    const client = this.#current
    if (!client || this.#clients.get(client)?.redirect === undefined) return
    for (const key of keys) {
      const readers = this.#readers.get(key) ?? new Set()
      this.#readers.set(key, readers.add(client))
    }
  }

  #onChanged(key: string): void {
    this.#changed.add(key)
    const readers = this.#readers.get(key)
    if (!readers) return
    this.#readers.delete(key)
    for (const reader of readers) {
      if (reader === this.#current) continue
      const id = this.#clients.get(reader)?.redirect
      for (const [client, known] of this.#clients) {
        if (known.id === id && known.channels.has(INVALIDATIONS)) client.onMessage(INVALIDATIONS, key, undefined)
      }
    }
  }

  #info(): string {
    const role = this.isReplica ? 'slave' : 'master'
    const version = `${this.#options.version ?? '7.0'}.0`
    return `redis_version:${version}\r\nredis_mode:standalone\r\naof_enabled:1\r\nmaxmemory_policy:noeviction\r\nrole:${role}\r\ncluster_enabled:0\r\n`
  }

  #knownOf(client: Client): Known {
    const known = this.#clients.get(client)
    if (!known) throw new Error('a connection that the model does not know asks it')
    return known
  }
}

function timeOf(nowMs: number): Reply {
  const seconds = Math.floor(nowMs / 1000)
  return [String(seconds), String(Math.floor((nowMs - seconds * 1000) * 1000))]
}
