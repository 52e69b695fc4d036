import type { Timer } from '../../base/clock.ts'
import {
  type RedisArgument,
  type RedisConnectionOptions,
  type RedisLine,
  RedisLostError,
  RedisReplyError,
  type RedisScript,
} from '../../base/redis/redis-connection.ts'
import { CommandError, type Reply, Status } from '../redis/reply.ts'
import type { SimulatedProcess } from './process.ts'
import type { RedisServer } from './redis-server.ts'

/** Most that one side hears later than the other of a loss that no packet tells of. */
const HALF_OPEN_MS = 20_000

/** What a connection of the model stands on. */
export interface RedisNet {
  readonly server: RedisServer
  readonly process: SimulatedProcess
  /** Told of each loss of a connection. */
  readonly onLoss: (why: string) => void
  readonly onLine: (line: SimulatedRedisLine) => void
}

/** Opens a connection of a simulated process to the model. */
export function openSimulatedLine(net: RedisNet, options: RedisConnectionOptions): Promise<SimulatedRedisLine> {
  const { server, process } = net
  const { timeline, kit } = server
  return new Promise((resolve, reject) => {
    const { timeoutMs, clock } = options
    const late = (): void => reject(new RedisLostError(`no answer within ${timeoutMs} ms`))
    const timer: Timer = clock.after(timeoutMs, late)
    const line = new SimulatedRedisLine(net, options)
    timeline.at(timeline.monotonic() + kit.delayMs(process.name), () => {
      const isRefused = !server.isUp || !process.isAlive
      if (!isRefused) line.accept()
      process.at(process.arrivalMs(), () => {
        timer.cancel()
        if (!isRefused && line.open()) {
          net.onLine(line)
          return resolve(line)
        }
        line.refuse()
        reject(new RedisLostError(isRefused ? 'connect ECONNREFUSED' : 'the server ended the handshake'))
      })
    })
  })
}

/** One connection to the model: two streams, each in order, each with its delays, both cut at once. */
export class SimulatedRedisLine implements RedisLine {
  readonly #net: RedisNet
  readonly #options: RedisConnectionOptions
  #isOpen = false
  #isCut = false
  /** What arrives later than this at the server does not arrive. */
  #lostFromMs = Infinity
  /** What was written in this step of the world or later was not sent. */
  #unsentFrom = Infinity
  #toServerMs = 0
  #toClientMs = 0
  readonly #waiting = new Set<(error: Error) => void>()
  /** What the server knows the connection by. */
  readonly client = {
    onMessage: (channel: string, text: string, pattern: string | undefined): void => {
      this.#toClient(() => this.#options.onMessage?.(textOf(channel), textOf(text), pattern && textOf(pattern)))
    },
    onDown: (): void => this.cut('the server went down', false),
  }

  constructor(net: RedisNet, options: RedisConnectionOptions) {
    this.#net = net
    this.#options = options
    net.process.onDeath(() => this.#die())
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** It is lost, and the client has not been told. */
  get isLostUnknown(): boolean {
    return this.#isOpen && this.#isCut
  }

  accept(): void {
    if (!this.#isCut) this.#net.server.connect(this.client)
  }

  open(): boolean {
    this.#isOpen = !this.#isCut
    return this.#isOpen
  }

  refuse(): void {
    this.#isCut = true
    this.#lostFromMs = 0
  }

  call(command: string, args: readonly RedisArgument[] = []): Promise<unknown> {
    return this.#call(command, args, textOf)
  }

  #call(command: string, args: readonly RedisArgument[], read: (text: string) => unknown): Promise<unknown> {
    if (!this.#isOpen) return Promise.reject(new RedisLostError('the connection was closed'))
    const { server } = this.#net
    const texts = args.map(binaryOf)
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject)
      const settle = (fn: () => void) => (): void => {
        if (this.#waiting.delete(reject)) fn()
      }
      this.#toServer(() =>
        server.serve(this.client, command, texts, (reply) => {
          if (reply instanceof CommandError) {
            const error = new RedisReplyError(reply.message)
            this.#toClient(settle(() => reject(error)))
          } else {
            const value = valueOf(reply, read)
            this.#toClient(settle(() => resolve(value)))
          }
        }),
      )
    })
  }

  run(script: RedisScript, args: readonly RedisArgument[], keys: readonly RedisArgument[] = []): Promise<unknown> {
    return this.#run(script, [keys.length, ...keys, ...args], textOf)
  }

  runRaw(script: RedisScript, args: readonly RedisArgument[]): Promise<unknown> {
    return this.#run(script, [0, ...args], (text) => Buffer.from(text, 'latin1'))
  }

  async subscribe(channels: readonly string[], patterns: readonly string[]): Promise<void> {
    if (channels.length > 0) await this.call('SUBSCRIBE', channels)
    if (patterns.length > 0) await this.call('PSUBSCRIBE', patterns)
  }

  async unsubscribe(channels: readonly string[], patterns: readonly string[]): Promise<void> {
    if (channels.length > 0) await this.call('UNSUBSCRIBE', channels)
    if (patterns.length > 0) await this.call('PUNSUBSCRIBE', patterns)
  }

  /** What was sent arrives still. */
  close(): void {
    if (this.#isCut) return this.#end('the connection was closed', false)
    this.#isCut = true
    const { server } = this.#net
    this.#end('the connection was closed', false)
    server.timeline.at(this.#toServerMs, () => server.disconnect(this.client))
  }

  /** Loses the connection. Each side hears of it in its own time; some of what was on its way to the server arrived. */
  cut(why: string, isSilent = this.#net.server.kit.between(0, 1) < 0.25): void {
    if (this.#isCut) return
    this.#isCut = true
    const { server, process, onLoss } = this.#net
    const { timeline, kit } = server
    const isAllLost = !server.isUp || kit.between(0, 1) < 0.5
    this.#lostFromMs = isAllLost ? timeline.monotonic() : timeline.monotonic() + kit.between(0, 5)
    const inMs = (): number => timeline.monotonic() + kit.between(0, isSilent ? HALF_OPEN_MS : 10)
    onLoss(isSilent ? `${why}, silently` : why)
    timeline.at(Math.max(inMs(), isAllLost ? 0 : this.#toServerMs), () => server.disconnect(this.client))
    process.at(inMs(), () => this.#end(why, true))
  }

  async #run(script: RedisScript, args: readonly RedisArgument[], read: (text: string) => unknown): Promise<unknown> {
    try {
      return await this.#call('EVALSHA', [script.sha, ...args], read)
    } catch (error) {
      if (!(error instanceof RedisReplyError) || error.code !== 'NOSCRIPT') throw error
      return await this.#call('EVAL', [script.text, ...args], read)
    }
  }

  #toServer(fn: () => void): void {
    const { server, process } = this.#net
    const { timeline, kit } = server
    if (kit.strikes('cut', process.name)) this.cut('it was cut')
    this.#toServerMs = Math.max(this.#toServerMs, process.arrivalMs())
    const step = timeline.steps
    const arrivesMs = this.#toServerMs
    timeline.at(arrivesMs, () => {
      if (arrivesMs < this.#lostFromMs && step < this.#unsentFrom) fn()
    })
  }

  #toClient(fn: () => void): void {
    const { server, process } = this.#net
    if (server.kit.strikes('cut', process.name)) this.cut('it was cut')
    this.#toClientMs = Math.max(this.#toClientMs, process.arrivalMs())
    process.at(this.#toClientMs, () => {
      if (!this.#isCut) fn()
    })
  }

  /** The death of a process takes nothing back that is sent already, unless its machine died. */
  #die(): void {
    if (this.#isCut) return
    const { server, process, onLoss } = this.#net
    const { timeline, kit } = server
    if (!process.diedAlone && kit.between(0, 1) < 0.25) return this.cut('its machine died', true)
    this.#isCut = true
    this.#unsentFrom = timeline.steps
    onLoss('its process died')
    const endMs = Math.max(this.#toServerMs, timeline.monotonic() + kit.between(0, 10))
    timeline.at(endMs, () => server.disconnect(this.client))
  }

  #end(why: string, isTold: boolean): void {
    const wasOpen = this.#isOpen
    this.#isOpen = false
    for (const reject of [...this.#waiting]) reject(new RedisLostError(why))
    this.#waiting.clear()
    if (wasOpen && isTold) this.#options.onClosed(new RedisLostError(why))
  }
}

const ASCII = /^[\0-\x7f]*$/

function binaryOf(arg: RedisArgument): string {
  if (typeof arg === 'number') return String(arg)
  if (typeof arg !== 'string') return arg.toString('latin1')
  return ASCII.test(arg) ? arg : Buffer.from(arg, 'utf8').toString('latin1')
}

function textOf(binary: string): string {
  return ASCII.test(binary) ? binary : Buffer.from(binary, 'latin1').toString('utf8')
}

function valueOf(reply: Reply, read: (text: string) => unknown): unknown {
  if (typeof reply === 'string') return read(reply)
  if (reply instanceof Status) return reply.text
  return Array.isArray(reply) ? reply.map((one) => valueOf(one, read)) : reply
}
