import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Child, startChild } from '../../services/child.ts'
import { freePorts } from '../../services/ports.ts'
import { temporaryFolder } from '../../services/reaper.ts'
import { RedisNode } from '../../services/redis-node.ts'
import type { Sample } from './part-process.ts'
import type { ReadersSaid, ReadersTold } from './readers-process.ts'

const ROOT = join(import.meta.dirname, '../../..')

/** Longest wait for a process to be up on a machine that has much to do. */
const START_MS = 60_000

/** Parts that a task is ahead of its slowest reader, and how long it waits for the last to come back. */
export const WINDOW = 64
export const GRACE_MS = 1_000

/** Where a {@link Deployment} keeps everything. */
export type Place = 'redis' | 'embedded'

/** A worker, two gateways and what is under them, each a process that can be killed and started again. */
export class Deployment {
  readonly worker: Child
  /** Urls of the gateways; they stay when one is started again. */
  readonly urls: readonly string[]
  readonly #env: Record<string, string>
  readonly #gateways: Child[] = []
  readonly #redis: RedisNode | undefined
  readonly #all: Child[] = []
  #owner: Child | undefined

  private constructor(ports: readonly number[], urls: Record<string, string>, redis?: RedisNode) {
    this.#env = { ...urls, WINDOW: String(WINDOW), GRACE_MS: String(GRACE_MS) }
    this.#redis = redis
    this.urls = ports.map((port) => `http://127.0.0.1:${port}`)
    // First: who comes first owns an embedded broker, and what that costs is not the worker's.
    if (!redis) this.#owner = this.#start('owner', {})
    this.worker = this.#start('worker', {})
  }

  static async start(place: Place): Promise<Deployment> {
    const ports = await freePorts(2)
    const redis = place === 'redis' ? await RedisNode.start() : undefined
    const home = redis ? '' : `embedded://${temporaryFolder('streams')}`
    const urls = redis
      ? { BROKER: redis.url(0), BACKEND: redis.url(1), STORE: redis.url(2) }
      : { BROKER: home, BACKEND: home, STORE: home }
    const made = new Deployment(ports, urls, redis)
    try {
      await Promise.all([...ports.keys()].map((at) => made.startGateway(at)))
      await made.worker.line(/^ready/, { timeoutMs: START_MS })
      return made
    } catch (error) {
      await made.remove()
      throw error
    }
  }

  /** One of the gateways, as it was started last. */
  gateway(at: number): Child {
    return this.#gateways[at] as Child
  }

  async startGateway(at: number): Promise<void> {
    if (this.#owner) await this.#owner.line(/^ready/, { timeoutMs: START_MS })
    const child = this.#start('gateway', { PORT: new URL(this.urls[at] as string).port })
    this.#gateways[at] = child
    await child.line(/^ready/, { timeoutMs: START_MS })
  }

  /** Kills what everything is kept in, and starts it again: Redis, or the process that owns the embedded broker. */
  async restartPlace(): Promise<void> {
    await this.#redis?.kill()
    await this.#redis?.start()
    if (!this.#owner) return
    await this.#owner.kill()
    this.#owner = this.#start('owner', {})
    await this.#owner.line(/^ready/, { timeoutMs: START_MS })
  }

  /** Has a stream begin; resolves to the path of its events. */
  async accepted(path: string): Promise<string> {
    const response = await fetch(this.urls[0] + path, { method: 'POST' })
    const { location } = (await response.json()) as { location: string }
    return `${location}/events`
  }

  /** Readers of a stream, in a process of their own. */
  read(told: ReadersTold): Child {
    const args = ['scripts/run-ts.mjs', 'test/chaos/streams/readers-process.ts']
    const env = { READERS: JSON.stringify(told) }
    const child = startChild(process.execPath, args, { cwd: ROOT, env, name: 'readers' })
    this.#all.push(child)
    return child
  }

  async remove(): Promise<void> {
    await Promise.all(this.#all.map((each) => each.kill()))
    await this.#redis?.remove()
  }

  #start(role: string, env: Record<string, string>): Child {
    const args = ['--expose-gc', 'scripts/run-ts.mjs', 'test/chaos/streams/part-process.ts']
    const child = startChild(process.execPath, args, {
      cwd: ROOT,
      env: { ...this.#env, ...env, ROLE: role },
      name: role,
    })
    this.#all.push(child)
    return child
  }
}

/** What a process has said of itself. */
export function samplesOf(child: Child): Sample[] {
  return said<Sample>(child, 'sample ')
}

/** What the readers have said. */
export function readersOf(child: Child): ReadersSaid[] {
  return said<ReadersSaid>(child, 'readers ')
}

/** Bytes that the system holds of what was written to a connection and not read from it; `port` is its client's. */
export function inSockets(port: number): number {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  let sum = 0
  for (const row of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const [, local = '', remote = '', , queues = ''] = row.trim().split(/\s+/)
    const [sent = '', received = ''] = queues.split(':')
    if (remote.endsWith(`:${hex}`)) sum += Number.parseInt(sent, 16)
    if (local.endsWith(`:${hex}`)) sum += Number.parseInt(received, 16)
  }
  return sum
}

/** Resolves to what the readers say, once that holds of it. */
export async function readersWhen(
  child: Child,
  holds: (said: ReadersSaid) => boolean,
  timeoutMs: number,
): Promise<ReadersSaid> {
  const giveUpAt = Date.now() + timeoutMs
  for (;;) {
    const from = child.lines.length
    const last = readersOf(child).at(-1)
    if (last && holds(last)) return last
    if (Date.now() > giveUpAt) throw new Error(`readers after ${timeoutMs} ms: ${JSON.stringify(last)}`)
    await child.line(/^readers /, { from, timeoutMs: START_MS })
  }
}

/** What happens to a stream while it is read. */
export interface Restarts {
  readonly readers: number
  readonly parts: number
  readonly bytes: number
  readonly everyMs: number
  readonly timeoutMs: number
  /** Whether what everything is kept in is killed too, and not only gateways. */
  readonly isPlaceHurt: boolean
}

/** Half of the readers read at either gateway. The first is killed, then the place, then the second. */
export async function restarted(deployment: Deployment, options: Restarts): Promise<ReadersSaid> {
  const { readers, parts, bytes, everyMs, timeoutMs, isPlaceHurt } = options
  const path = await deployment.accepted(`/lines/${parts}/${bytes}/${everyMs}`)
  const child = deployment.read({ gateways: deployment.urls, path, readers, slow: 0 })
  const at = (share: number) => readersWhen(child, ({ least }) => least >= share * parts, timeoutMs)
  await at(0.2)
  await deployment.gateway(0).kill()
  await at(0.4)
  if (isPlaceHurt) await deployment.restartPlace()
  await deployment.startGateway(0)
  await at(0.6)
  await deployment.gateway(1).kill()
  const end = await readersWhen(child, ({ ended }) => ended === readers, timeoutMs)
  await child.kill()
  return end
}

function said<T>(child: Child, word: string): T[] {
  const lines = child.lines.filter((line) => line.startsWith(word))
  return lines.map((line) => JSON.parse(line.slice(word.length)) as T)
}
