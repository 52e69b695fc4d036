import { Redis } from 'ioredis'
import type { RedisArgument, RedisScript } from '../../../src/base/redis/redis-connection.ts'
import { type Client, RedisModel } from '../../../src/testing/redis/redis-model.ts'
import { CommandError, type Reply, Status } from '../../../src/testing/redis/reply.ts'

/** An answer as both can give it. */
export type Answer = number | string | null | Answer[]

const TIME = "redis.call('TIME')"

/** Where scripts find the time in a test, so that it is the same for both. */
const FAKE_TIME = "redis.call('HMGET', 'test.time', 's', 'us')"

/** A server and its model, which are told the same. */
export class Both {
  readonly model: RedisModel
  readonly #asks: Redis
  readonly #reads: Redis
  readonly #hears: Redis
  readonly #askClient: Client = { onMessage: () => {} }
  readonly #readClient: Client = { onMessage: () => {} }
  #rung: string[][] = [[], []]

  private constructor(port: number) {
    const open = (): Redis => new Redis({ port, protocol: 2 })
    this.#asks = open()
    this.#reads = open()
    this.#hears = open()
    this.model = new RedisModel({ nowMs: () => Date.now() })
  }

  static async open(port: number): Promise<Both> {
    const both = new Both(port)
    await both.#track()
    return both
  }

  close(): void {
    for (const redis of [this.#asks, this.#reads, this.#hears]) redis.disconnect()
  }

  async clear(): Promise<void> {
    await this.call('FLUSHALL')
    await this.bells()
  }

  /** It has no memory left, or has it again. */
  async setFull(isFull: boolean): Promise<void> {
    await this.#asks.config('SET', 'maxmemory', isFull ? '1' : '0')
    this.model.isFull = isFull
  }

  /** It becomes a copy of a server that is not there, or its own master again. */
  async setReplica(isReplica: boolean): Promise<void> {
    await (isReplica ? this.#asks.replicaof('127.0.0.1', 1) : this.#asks.replicaof('NO', 'ONE'))
    this.model.isReplica = isReplica
  }

  async setTime(ms: number): Promise<void> {
    await this.call('HSET', 'test.time', 's', Math.floor(ms / 1000), 'us', (ms % 1000) * 1000)
  }

  /** The answers of the server and of the model. */
  async call(command: string, ...args: RedisArgument[]): Promise<[Answer, Answer]> {
    return [await served(this.#asks, command, args), this.#modelled(this.#askClient, command, args)]
  }

  async run(script: RedisScript, args: readonly RedisArgument[]): Promise<[Answer, Answer]> {
    return this.call('EVAL', script.text.replaceAll(TIME, FAKE_TIME), 0, '', ...args)
  }

  /** On the line for reading. */
  async read(script: RedisScript, args: readonly RedisArgument[], keys: readonly string[]): Promise<[Answer, Answer]> {
    const all = [script.text.replaceAll(TIME, FAKE_TIME), keys.length, ...keys, '', ...args]
    return [await served(this.#reads, 'EVAL', all), this.#modelled(this.#readClient, 'EVAL', all)]
  }

  /** The changed keys that each told of since the last time. */
  async bells(): Promise<[string[], string[]]> {
    await this.#hears.ping()
    const [server = [], model = []] = this.#rung
    this.#rung = [[], []]
    return [server.toSorted(), model.toSorted()]
  }

  /** All that is in each. */
  async dump(): Promise<[Answer, Answer]> {
    const [keys] = await this.call('KEYS', '*')
    const dumps: [Answer[], Answer[]] = [[], []]
    for (const key of (keys as string[]).toSorted()) {
      const name = Buffer.from(key, 'latin1')
      const [type] = await this.call('TYPE', name)
      const look = LOOKS[String(type)] ?? []
      const [a, b] = await this.call(look[0] as string, name, ...look.slice(1))
      dumps[0].push([key, sorted(String(type), a)])
      dumps[1].push([key, sorted(String(type), b)])
    }
    dumps[1].push(...this.model.db.keys().filter((key) => !(keys as string[]).includes(key)))
    return dumps
  }

  async #track(): Promise<void> {
    const id = await this.#hears.client('ID')
    await this.#hears.subscribe('__redis__:invalidate')
    this.#hears.on('message', (_channel, keys: string) => this.#rung[0]?.push(...keys.split(',')))
    await this.#reads.call('CLIENT', ['TRACKING', 'ON', 'REDIRECT', id, 'NOLOOP'])
    const hears: Client = { onMessage: (_channel, key) => this.#rung[1]?.push(Buffer.from(key, 'latin1').toString()) }
    for (const client of [this.#askClient, this.#readClient, hears]) this.model.connect(client)
    const modelId = this.model.execute(hears, 'CLIENT', ['ID'])
    this.model.execute(hears, 'SUBSCRIBE', ['__redis__:invalidate'])
    this.model.execute(this.#readClient, 'CLIENT', ['TRACKING', 'ON', 'REDIRECT', String(modelId), 'NOLOOP'])
  }

  #modelled(client: Client, command: string, args: readonly RedisArgument[]): Answer {
    if (command === 'KEYS') return null
    try {
      return plain(this.model.execute(client, command, args.map(binary)))
    } catch (error) {
      if (error instanceof CommandError) return problem(error.message)
      throw error
    }
  }
}

const LOOKS: Readonly<Record<string, readonly string[]>> = {
  string: ['GET'],
  list: ['LRANGE', '0', '-1'],
  hash: ['HGETALL'],
  set: ['SMEMBERS'],
  zset: ['ZRANGE', '0', '-1', 'WITHSCORES'],
}

/** What has no order, in one. */
function sorted(type: string, answer: Answer): Answer {
  if (!Array.isArray(answer)) return answer
  if (type === 'set') return (answer as string[]).toSorted((a, b) => (a < b ? -1 : 1))
  if (type !== 'hash') return answer
  const pairs = answer.flatMap((_, i) => (i % 2 === 0 ? [answer.slice(i, i + 2)] : []))
  return pairs.toSorted((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1))
}

async function served(redis: Redis, command: string, args: readonly RedisArgument[]): Promise<Answer> {
  try {
    return plain((await redis.callBuffer(command, args as RedisArgument[])) as Reply)
  } catch (error) {
    return problem((error as Error).message)
  }
}

function binary(arg: RedisArgument): string {
  return Buffer.isBuffer(arg) ? arg.toString('latin1') : Buffer.from(String(arg), 'utf8').toString('latin1')
}

function plain(reply: Reply | Buffer): Answer {
  if (Buffer.isBuffer(reply)) return reply.toString('latin1')
  if (reply instanceof Status) return reply.text
  return Array.isArray(reply) ? reply.map(plain) : reply
}

/** An error, without where in a script it was, and what the script itself did wrong, which each says in its own words. */
function problem(message: string): Answer {
  const told = message.replace(/ script: [\da-f]{40}.*$/s, '').replace(/, with args beginning with.*$/s, '')
  return told.startsWith('ERR user_script') ? '! ERR user_script' : `! ${told}`
}
