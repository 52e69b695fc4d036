import { Redis } from 'ioredis'
import { MOVES } from '../../src/broker/redis/scripts.ts'
import type { Part } from './parts.ts'
import type { Spent } from './spent.ts'

/** More than are run while it is watched. */
const ENTRIES = 1_000_000

/** Scripts that are run for tasks; the others are run now and then. */
const PER_TASK: Partial<typeof MOVES> = { publish: MOVES.publish, take: MOVES.take, ack: MOVES.ack }

/** `SLOWLOG GET`: id, time, microseconds, the command and its arguments, who asked. */
type Entry = readonly [id: number, at: number, micros: number, command: readonly [name: string, ...string[]]]

/** What Redis does for tasks, command by command, by its own clock. */
export class RedisWatch {
  readonly #client: Redis

  private constructor(client: Redis) {
    this.#client = client
  }

  static async start(port: number): Promise<RedisWatch> {
    const client = new Redis({ port })
    await client.config('SET', 'slowlog-max-len', ENTRIES)
    await client.config('SET', 'slowlog-log-slower-than', 0)
    return new RedisWatch(client)
  }

  /** Ends the watch, and splits what each task took of the server's CPU time by what it did in it. */
  async parts(each: Spent, tasks: number): Promise<Part[]> {
    const log = (await this.#client.call('SLOWLOG', 'GET', ENTRIES)) as unknown as readonly Entry[]
    await this.#client.config('SET', 'slowlog-log-slower-than', -1)
    this.#client.disconnect()
    const took = new Map<string, number>()
    for (const [, , micros, command] of log) {
      const detail = detailOf(command)
      if (detail !== undefined) took.set(detail, (took.get(detail) ?? 0) + micros / tasks)
    }
    const inCommands = [...took.values()].reduce((sum, micros) => sum + micros, 0)
    // Its clock goes on while others have the core; CPU time does not.
    const share = Math.min(1, each.user / Math.max(inCommands, 1))
    return [
      ...[...took].map(([detail, micros]): Part => {
        const stage = detail.startsWith('results') ? 'results' : 'queues'
        return { stage, detail, micros: micros * share }
      }),
      {
        stage: 'messages to bytes and back',
        detail: 'commands read, answers written, text of the append-only file',
        micros: Math.max(0, each.user - inCommands * share),
      },
      { stage: 'the kernel', micros: each.system },
    ]
  }
}

/** What a command is for; nothing for those that stand in a script, which has their time already, and for our own. */
function detailOf([name, sha]: Entry[3]): string | undefined {
  if (name.toLowerCase() === 'evalsha') {
    const move = Object.entries(MOVES).find(([, script]) => script.sha === sha)?.[0]
    if (move === undefined) return 'results: scripts that store and read them'
    return move in PER_TASK ? `script: ${move}` : 'scripts: all others'
  }
  // Scripts write commands in capitals, the client does not.
  return /^(un)?subscribe$/.test(name) ? `results: ${name}` : undefined
}
