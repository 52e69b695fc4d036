import { loadavg, type } from 'node:os'
import type { Clock, Timer } from '../base/clock.ts'
import { version } from '../base/version.ts'
import type { Emitter } from './emitter.ts'

/** What a heartbeat tells of its worker. */
export interface HeartFigures {
  /** Tasks that run now. */
  readonly active: number
  /** Tasks that were started since the worker was made. */
  readonly processed: number
}

/** What a heart needs. */
export interface HeartOptions {
  readonly clock: Clock
  readonly emitter: Pick<Emitter, 'tell'>
  readonly intervalMs: number
  readonly figures: () => HeartFigures
}

/** What a node says it runs, as Celery's events have it. */
export const SOFTWARE = { sw_ident: 'lovage', sw_ver: ownVersion(), sw_sys: type() } as const

/** Says that a worker is alive, every few seconds (celery/worker/heartbeat.py). */
export class Heart {
  readonly #options: HeartOptions
  #timer: Timer | undefined
  #isBeating = false

  constructor(options: HeartOptions) {
    this.#options = options
  }

  /** The worker is there. Said again whenever the broker is back, it starts anew. */
  start(): void {
    this.#isBeating = true
    this.#tell('worker-online')
    this.#arm()
  }

  /** Out of turn: somebody asked. A worker that goes says nothing more that would have it be there. */
  beat(): void {
    if (this.#isBeating) this.#tell('worker-heartbeat')
  }

  /** The worker goes. Does nothing where it did not start. */
  stop(): void {
    if (!this.#isBeating) return
    this.#isBeating = false
    this.#timer?.cancel()
    this.#tell('worker-offline')
  }

  #arm(): void {
    const { clock, intervalMs } = this.#options
    this.#timer?.cancel()
    const beat = (): void => {
      this.beat()
      this.#arm()
    }
    this.#timer = clock.after(intervalMs, beat, { unref: true })
  }

  #tell(type: string): void {
    const { emitter, intervalMs, figures } = this.#options
    const { active, processed } = figures()
    emitter.tell(type, {
      freq: intervalMs / 1000,
      active,
      processed,
      loadavg: loadavg().map((load) => Math.ceil(load * 100) / 100),
      ...SOFTWARE,
    })
  }
}

/** Of a program that was packed into one file there is no package.json to read. */
function ownVersion(): string {
  try {
    return version()
  } catch {
    return 'unknown'
  }
}
