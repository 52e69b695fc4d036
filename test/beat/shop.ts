import { randomUUID } from 'node:crypto'
import { beat, type Beat, type BeatOptions, type Entries } from '../../src/beat/beat.ts'
import { onLog, type LogRecord } from '../../src/base/log.ts'
import { type App, type GivenSettings, lovage } from '../../src/index.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { worker } from '../../src/worker/worker.ts'

/** An application in memory on a clock of its own, with what its tasks were called with. */
export class Shop {
  readonly clock = new VirtualClock()
  readonly app: App
  /** Of each call: when, in seconds since the beginning, and the arguments. */
  readonly calls: { readonly atS: number; readonly args: readonly unknown[] }[] = []
  readonly lines: LogRecord[] = []
  readonly add
  readonly sum
  /** Takes ten seconds. */
  readonly slow
  readonly #beginMs = this.clock.now()
  readonly #ends: (() => unknown)[] = []

  constructor(settings: GivenSettings = {}) {
    const id = randomUUID()
    const { clock } = this
    this.app = lovage('shop', { broker: `memory://${id}`, store: `memory://${id}`, ...settings }, { clock, env: {} })
    this.add = this.app.task('shop.add', (x: number, y: number) => {
      this.#called(x, y)
      return x + y
    })
    this.sum = this.app.task('shop.sum', (all: number[]) => {
      this.#called(all)
      return all.length
    })
    this.slow = this.app.task('shop.slow', async (what: string) => {
      this.#called(what)
      await new Promise<void>((resolve) => void clock.after(10_000, resolve))
    })
    this.#ends.push(onLog((record) => record.room === 'beat' && this.lines.push(record)))
    this.#ends.push(() => this.app.close())
  }

  /** When each call came, in seconds since the beginning. */
  get times(): number[] {
    return this.calls.map(({ atS }) => atS)
  }

  async startWorker(): Promise<void> {
    const { clock } = this
    const service = worker(this.app, {}, { clock })
    await service.start()
    this.#ends.push(() => this.settled(service.stop('cold'), 60_000))
  }

  async startBeat(entries: Entries, options?: BeatOptions): Promise<Beat> {
    const service = beat(this.app, entries, options, { clock: this.clock })
    await this.settled(service.start())
    this.#ends.push(() => this.settled(service.stop()))
    return service
  }

  /** Lets time pass until it has settled. */
  async settled<T>(promise: Promise<T>, ms = 10): Promise<T> {
    await this.clock.play(ms)
    return promise
  }

  async end(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end()
  }

  #called(...args: readonly unknown[]): void {
    this.calls.push({ atS: Math.floor((this.clock.now() - this.#beginMs) / 1_000), args })
  }
}
