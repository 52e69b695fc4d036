import { writeSync } from 'node:fs'
import type { Session } from 'node:inspector'
import { parentPort } from 'node:worker_threads'
import type { InspectorLink } from '../base/capture-stack.ts'
import { systemClock, type Timer } from '../base/clock.ts'
import { lineForParent, type Stall, stallFields, stallSentence } from './stall.ts'
import { StallFollower } from './stall-follow.ts'

/**
 * How a stall is written to stderr while it lasts, when nobody else of the process can say a word: a line for people, one as
 * JSON, all of it for the parent process, or not at all.
 */
export type StallFormat = 'text' | 'json' | 'parent' | 'off'

/** What the thread is told: to follow the loop behind a buffer, or (only `id`) to follow it no longer. */
export interface FollowOrder {
  readonly id: number
  readonly follow?: {
    readonly buffer: SharedArrayBuffer
    readonly thresholdMs: number
    readonly format: StallFormat
  }
}

/** What the thread tells; it arrives when the stall is over. */
export interface StallNews {
  readonly id: number
  readonly stall: Stall
}

const followers = new Map<number, { follower: StallFollower; everyMs: number }>()
let timer: Timer | undefined
let Inspector: typeof Session | undefined

// Some builds of Node have none.
const inspector = await import('node:inspector').catch(() => undefined)
// With a debugger at work the loop stands still because somebody wants it to.
if (inspector?.url() === undefined) Inspector = inspector?.Session

parentPort?.on('message', ({ id, follow }: FollowOrder) => {
  followers.get(id)?.follower.stop()
  followers.delete(id)
  if (follow) {
    const { buffer, thresholdMs } = follow
    const tell = (stall: Stall): void => {
      if (!stall.isOver || follow.format === 'parent') write(stall, follow.format)
      parentPort?.postMessage({ id, stall } satisfies StallNews)
    }
    const follower = new StallFollower({ clock: systemClock, buffer, thresholdMs, inspect, tell })
    followers.set(id, { follower, everyMs: Math.max(20, thresholdMs / 5) })
  }
  timer?.cancel()
  look()
})

function look(): void {
  let everyMs = Infinity
  for (const each of followers.values()) {
    each.follower.look()
    everyMs = Math.min(everyMs, each.everyMs)
  }
  timer = everyMs === Infinity ? undefined : systemClock.after(everyMs, look)
}

function inspect(): InspectorLink | undefined {
  if (!Inspector) return undefined
  const session = new Inspector()
  try {
    session.connectToMainThread()
  } catch {
    return undefined
  }
  return {
    post: (method, params, answered) => session.post(method, params, (_error, result) => answered?.(result)),
    listen: (take) =>
      void session.on('inspectorNotification', (told: unknown) => {
        const { method, params } = told as { method: string; params: unknown }
        take(method, params)
      }),
    close: () => session.disconnect(),
  }
}

function write(stall: Stall, format: StallFormat): void {
  if (format === 'off') return
  try {
    writeSync(2, `${lineOf(stall, format)}\n`)
  } catch {
    // Nobody reads, or not fast enough: what is said when the stall is over will do.
  }
}

function lineOf(stall: Stall, format: StallFormat): string {
  if (format === 'parent') return lineForParent(stall)
  const time = new Date(systemClock.now()).toISOString()
  const fields = stallFields(stall)
  if (format === 'json') return JSON.stringify({ level: 40, time, room: 'pool', ...fields, msg: stallSentence(stall) })
  const values = Object.entries(fields).map(([name, value]) => `${name}=${shown(value)}`)
  return `${time.slice(11, 23)} pool    warn ${stallSentence(stall)} ${values.join(' ')}`
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return typeof value === 'string' && /[\s"=]/.test(text) ? JSON.stringify(text) : text
}
