import type { Worker } from 'node:worker_threads'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { startThread } from '../base/thread.ts'
import { type Stall, stallFields, stallSentence } from './stall.ts'
import type { FollowOrder, StallFormat, StallNews } from './stall-thread.ts'
import { WatchedLoop } from './watched-loop.ts'

export interface StallWatchOptions {
  /** How long the loop may stand before that is told; 0: it is only measured. */
  readonly thresholdMs: number
  /** This process is a child: what is seen goes to its parent, by stderr, which `stallIn` of stall.ts finds it in. */
  readonly isForParent?: boolean
  /** It only measures until {@link StallWatch.follow} is called: a thread that looks takes 10 MiB. */
  readonly isFollowedLater?: boolean
  /** Called with each stall when it is over. */
  readonly onStall?: (stall: Stall) => void
}

let usual: StallFormat = 'text'

/** How watches that start from now on write while a loop stands; `off`: they do not. What they log afterwards is the same. */
export function writeStallsAs(format: Exclude<StallFormat, 'parent'>): void {
  usual = format
}

/**
 * Watches the event loop of this process: how late it is, and who blocks it. A thread looks every fifth of the threshold
 * whether the loop still beats; nothing else costs anything while all is well.
 */
export class StallWatch extends WatchedLoop {
  readonly #options: StallWatchOptions
  readonly #id = ++lastId
  #stalls = 0
  #isOn = false

  constructor(options: StallWatchOptions) {
    super()
    this.#options = options
  }

  /** Stalls past the threshold that are over. */
  get stalls(): number {
    return this.#stalls
  }

  /** Has somebody there who looks, at once when it starts: beginning to look takes a moment. */
  prepare(): this {
    if (this.#options.thresholdMs > 0) thread ??= start()
    return this
  }

  override start(): boolean {
    if (!super.start()) return false
    this.#isOn = true
    if (!this.#options.isFollowedLater) this.follow()
    return true
  }

  /** Has the thread look from now on, if it does not yet: what may stall is about to run. */
  follow(): void {
    const { thresholdMs, isForParent } = this.#options
    if (!this.#isOn || thresholdMs === 0 || watches.has(this.#id)) return
    watches.set(this.#id, this)
    const format = isForParent ? 'parent' : usual
    send({ id: this.#id, follow: { buffer: this.buffer, thresholdMs, format } })
  }

  override stop(): void {
    super.stop()
    this.#isOn = false
    if (watches.delete(this.#id)) send({ id: this.#id })
  }

  /** The thread has seen something, a while ago. */
  told(stall: Stall): void {
    if (!stall.isOver) return
    this.#stalls++
    if (!this.#options.isForParent) log('warn', 'pool', stallSentence(stall), stallFields(stall))
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
  // It needs a few: V8 collects sooner where it has a limit.
  const resourceLimits = { maxOldGenerationSizeMb: 64 }
  const started = startThread(new URL(name, import.meta.url), {
    name: 'lovage stall watch',
    execArgv: [],
    resourceLimits,
  })
  started.on('message', ({ id, stall }: StallNews) => watches.get(id)?.told(stall))
  started.on('error', (error) => {
    log('warn', 'pool', 'stalls of the event loop are not seen any more', { error: messageOf(error) })
  })
  started.unref()
  return started
}
