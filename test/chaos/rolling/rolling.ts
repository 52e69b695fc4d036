import { sleep, systemClock } from '../../../src/base/clock.ts'
import { listDead } from '../../../src/broker/dead-letters.ts'
import { type App, lovage } from '../../../src/index.ts'
import { Fleet, lovageBreed, type Place } from './fleet.ts'

/** Longest wait for the outcomes. */
const PATIENCE_MS = 5 * 60_000

/** What came of a rolling restart. */
export interface Rolled {
  readonly sent: number
  readonly succeeded: number
  readonly failed: number
  /** Began more than once. */
  readonly duplicates: number
  readonly restarts: number
  /** Messages that went from a worker that was told to stop to another. */
  readonly handedBack: number
  /** Ms from the signal until they were there. */
  readonly handBackMs: { readonly p50: number; readonly p95: number; readonly max: number }
  readonly dead: number
}

/** Restarts workers one after the other while tasks are sent, more of them than the workers that are left can run at once. */
export async function roll(
  place: Place,
  options: { seconds: number; everyMs: number; perSecond: number; random: () => number; callerFirst?: boolean },
): Promise<Rolled> {
  const { seconds, everyMs, perSecond, random, callerFirst = true } = options
  const fleet = new Fleet(lovageBreed(place))
  const app = openApp(place)
  try {
    // Who comes first to an embedded broker owns it, and when the owner goes another must take over.
    if (callerFirst) await app.client()
    await fleet.start(3)
    const ends = { sent: 0, succeeded: 0, failed: 0 }
    const waits: Promise<void>[] = []
    const stopAtMs = systemClock.monotonic() + seconds * 1_000
    const send = async (): Promise<void> => {
      while (systemClock.monotonic() < stopAtMs) {
        const fromMs = systemClock.monotonic()
        for (let nth = 0; nth < perSecond / 10; nth++) waits.push(nap(app, 100 + random() * 200, ends))
        ends.sent += Math.ceil(perSecond / 10)
        await sleep(systemClock, Math.max(0, fromMs + 100 - systemClock.monotonic()))
      }
    }
    const sending = send()
    let restarts = 0
    while (systemClock.monotonic() < stopAtMs) {
      const fromMs = systemClock.monotonic()
      await fleet.restart()
      restarts++
      await sleep(systemClock, Math.max(0, fromMs + everyMs - systemClock.monotonic()))
    }
    await sending
    await Promise.all(waits)
    const lags = handBacks(fleet.lines)
    const at = (part: number): number => lags[Math.min(lags.length - 1, Math.floor(lags.length * part))] ?? Number.NaN
    const handBackMs = { p50: at(0.5), p95: at(0.95), max: at(1) }
    const duplicates = repeated(fleet.lines)
    return { ...ends, duplicates, restarts, handedBack: lags.length, handBackMs, dead: await deadOf(app, place) }
  } finally {
    await fleet.end()
    await app.close()
  }
}

/** What came of kills. */
export interface Survived {
  readonly results: number
  readonly arrived: number
  readonly failed: number
  readonly duplicates: number
  readonly workersKilled: number
  readonly childrenKilled: number
  readonly dead: number
}

/** Kills workers, and children of their pools, at random while a caller waits for results. */
export async function survive(
  place: Place,
  options: { results: number; workers: number; kills: number; pool: string; random: () => number },
): Promise<Survived> {
  const { results, workers, kills, pool, random } = options
  const fleet = new Fleet(lovageBreed(place, pool))
  const app = openApp(place)
  try {
    await fleet.start(workers)
    const ends = { succeeded: 0, failed: 0 }
    const waits = Array.from({ length: results }, () => nap(app, 20 + random() * 100, ends))
    let workersKilled = 0
    let childrenKilled = 0
    for (let kill = 1; kill <= kills; kill++) {
      const goal = Math.floor((results * kill) / (kills + 1))
      while (ends.succeeded + ends.failed < goal) await sleep(systemClock, 5)
      if (pool !== 'async' && random() < 0.5 && fleet.killChild(random())) childrenKilled++
      else {
        await fleet.kill(random())
        workersKilled++
      }
    }
    await Promise.all(waits)
    const { succeeded: arrived, failed } = ends
    const dead = await deadOf(app, place)
    return { results, arrived, failed, duplicates: repeated(fleet.lines), workersKilled, childrenKilled, dead }
  } finally {
    await fleet.end()
    await app.close()
  }
}

async function nap(app: App, ms: number, ends: { succeeded: number; failed: number }): Promise<void> {
  try {
    await app.sendTask('nap', [Math.round(ms)]).get({ timeout: PATIENCE_MS })
    ends.succeeded++
  } catch (error) {
    ends.failed++
    console.error(String(error))
  }
}

function openApp({ broker, backend, queue }: Place): App {
  const urls = { broker, backend }
  return lovage('rolling', { ...urls, defaultQueue: queue, publishTimeout: '60s', connectTimeout: '60s' }, { env: {} })
}

async function deadOf(app: App, { queue }: Place): Promise<number> {
  const { broker } = await app.client()
  return (await listDead(broker, queue, 10_000)).length
}

/** Tasks that began more than once. */
function repeated(lines: readonly string[]): number {
  const ids = lines.flatMap((line) => /\bbegan (\S+)/.exec(line)?.[1] ?? [])
  return ids.length - new Set(ids).size
}

/** Ms from each signal to a worker until a message of its was at another: the latest signal before it came. */
function handBacks(lines: readonly string[]): number[] {
  const times = (pattern: RegExp): number[] => lines.flatMap((line) => Number(pattern.exec(line)?.[1] ?? []) || [])
  const told = times(/^told (\d+)$/).toSorted((a, b) => a - b)
  return times(/^again \S+ (\d+)$/)
    .map((atMs) => atMs - (told.findLast((toldMs) => toldMs <= atMs) ?? Number.NaN))
    .toSorted((a, b) => a - b)
}
