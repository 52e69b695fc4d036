import type { Worker } from 'node:worker_threads'
import { currentTaskIfAny } from '../app/current-task.ts'
import { systemClock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { type LagFigures, lagFigures, LagMeter } from '../base/lag.ts'
import { log } from '../base/log.ts'
import { startThread } from '../base/thread.ts'
import { type Stall, STALL_BYTES, type StalledTask, stallFields, StallMarks, stallSentence } from './stall.ts'
import { WHO_RUNS } from './stall-follow.ts'
import type { FollowOrder, StallFormat, StallNews } from './stall-thread.ts'

export interface StallWatchOptions {
  /** How long the loop may stand before that is told; 0: it is only measured. */
  readonly thresholdMs: number
  /** Where to write while the loop stands. Default 2, stderr; -1: nowhere. */
  readonly fd?: number
  /** Default what {@link writeStallsAs} was told last, `text` at first. */
  readonly format?: StallFormat
  /** Called with each stall when it is over. */
  readonly onStall?: (stall: Stall) => void
}

let usual: StallFormat | 'off' = 'text'

/** How watches that start from now on write while a loop stands; `off`: they do not. What they log afterwards is the same. */
export function writeStallsAs(format: 'text' | 'json' | 'off'): void {
  usual = format
}

/**
 * Watches the event loop of this process: how late it is, and who blocks it. A thread looks every fifth of the threshold
 * whether the loop still beats; nothing else costs anything while all is well.
 */
export class StallWatch {
  readonly marks: StallMarks
  readonly #options: StallWatchOptions
  readonly #buffer = new SharedArrayBuffer(STALL_BYTES)
  readonly #meter: LagMeter
  readonly #id = ++lastId
  #isOn = false
  #stalls = 0

  constructor(options: StallWatchOptions) {
    this.#options = options
    this.marks = new StallMarks(this.#buffer)
    this.#meter = new LagMeter(systemClock, this.#buffer)
  }

  /** Stalls past the threshold that are over. */
  get stalls(): number {
    return this.#stalls
  }

  /** How late the loop was in the last minute; undefined before its first beat. */
  get lag(): LagFigures | undefined {
    return lagFigures(this.#buffer)
  }

  start(): void {
    if (this.#isOn) return
    this.#isOn = true
    this.#meter.start()
    const { thresholdMs, fd = 2, format: given = usual } = this.#options
    if (thresholdMs === 0) return
    const isSilent = given === 'off'
    const format = isSilent ? 'text' : given
    tellWhoRuns()
    watches.set(this.#id, this)
    send({ id: this.#id, follow: { buffer: this.#buffer, thresholdMs, fd: isSilent ? -1 : fd, format } })
  }

  stop(): void {
    this.#isOn = false
    this.#meter.stop()
    if (watches.delete(this.#id)) send({ id: this.#id })
  }

  /** The thread has seen something, a while ago. */
  told(stall: Stall): void {
    if (!stall.isOver) return
    this.#stalls++
    log('warn', 'pool', stallSentence(stall), stallFields(stall))
    this.#options.onStall?.(stall)
  }
}

const watches = new Map<number, StallWatch>()
let lastId = 0
/** One for all watches of the process, and for the next ones when there is none. */
let thread: Worker | undefined

function send(order: FollowOrder): void {
  thread ??= start()
  thread.postMessage(order)
}

function start(): Worker {
  const name = import.meta.url.endsWith('.ts') ? './stall-thread.ts' : './stall-thread.js'
  // Not the program's own flags: loaders are for its code, and would slow this down or end it.
  const started = startThread(new URL(name, import.meta.url), { name: 'lovage stall watch', execArgv: [] })
  started.on('message', ({ id, stall }: StallNews) => watches.get(id)?.told(stall))
  started.on('error', (error) => {
    log('warn', 'pool', 'stalls of the event loop are not seen any more', { error: messageOf(error) })
  })
  started.unref()
  return started
}

/** Lets the inspector ask which task is on the stack. */
export function tellWhoRuns(): void {
  const whoRuns = (): StalledTask | null => {
    const current = currentTaskIfAny()
    return current ? { task: current.name, id: current.id } : null
  }
  Object.defineProperty(globalThis, WHO_RUNS, { value: whoRuns, configurable: true, writable: true })
}
