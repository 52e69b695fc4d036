import type { Session } from 'node:inspector'
import type { Clock, Timer } from '../../base/clock.ts'
import type { InspectorLink } from '../../base/capture-stack.ts'
import { inspectThread } from '../../base/inspect-thread.ts'
import { log } from '../../base/log.ts'
import { type Stall, stallFields, stallSentence } from '../stall.ts'
import { StallFollower } from '../stall-follow.ts'
import type { Child } from './child.ts'

/** Tells of the event loop of a child that stands still, or has stood still. */
export function tellStall(kind: 'threads' | 'processes', { number, id }: Child, stall: Stall): void {
  log('warn', 'pool', stallSentence(stall), {
    ...stallFields(stall),
    kind,
    child: number,
    [kind === 'threads' ? 'thread' : 'pid']: id,
  })
}

/** From the end of a look until the thread can be ended. */
const CLOSED_MS = 50

/** How {@link ThreadStalls} are made. */
export interface ThreadStallsOptions {
  readonly clock: Clock
  readonly thresholdMs: number
  readonly children: () => Iterable<Child>
}

/**
 * Looks whether the threads of a pool turn. That needs no thread more: the one that looks runs no tasks. Processes look at
 * themselves.
 */
export class ThreadStalls {
  readonly #options: ThreadStallsOptions
  #followers = new Map<Child, StallFollower>()
  #timer: Timer | undefined
  #Inspector: typeof Session | undefined

  constructor(options: ThreadStallsOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    if (this.#timer || this.#options.thresholdMs === 0) return
    this.#plan()
    // Some builds of Node have none; and with a debugger at work threads stand still because somebody wants them to.
    const inspector = await import('node:inspector').catch(() => undefined)
    if (inspector?.url() === undefined) this.#Inspector = inspector?.Session
  }

  /** Looks that have begun come to their end by themselves. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#followers.clear()
  }

  #plan(): void {
    const { clock, thresholdMs } = this.#options
    this.#timer = clock.after(Math.max(20, thresholdMs / 5), () => this.#look(), { unref: true })
  }

  #look(): void {
    const before = this.#followers
    this.#followers = new Map()
    for (const child of this.#options.children()) {
      const follower = before.get(child) ?? this.#follow(child)
      if (!follower) continue
      before.delete(child)
      this.#followers.set(child, follower)
      if (!child.killedFor) follower.look()
    }
    for (const [child, follower] of before) if (child.isGone) follower.stop()
    this.#plan()
  }

  #follow(child: Child): StallFollower | undefined {
    const { buffer, isReady } = child
    if (!buffer || !isReady) return undefined
    const { clock, thresholdMs } = this.#options
    return new StallFollower({
      clock,
      buffer,
      thresholdMs,
      inspect: () => this.#inspect(child),
      tell: (stall) => tellStall('threads', child, stall),
    })
  }

  #inspect(child: Child): InspectorLink | undefined {
    if (!this.#Inspector) return undefined
    const link = inspectThread(this.#Inspector, child.id)
    const { clock } = this.#options
    const close = child.lookInto()
    return {
      ...link,
      close() {
        link.close()
        // The thread has to hear of that, too.
        clock.after(CLOSED_MS, close, { unref: true })
      },
    }
  }
}
