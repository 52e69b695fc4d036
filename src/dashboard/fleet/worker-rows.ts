import { isRecord } from '../../protocol/signature.ts'
import type { Slot, WorkerDetail, WorkerRow } from '../api-fleet.ts'
import { isAlive, type WorkerPicture } from '../../fleet/picture.ts'
import type { KnownTasks } from '../tasks/known-tasks.ts'
import type { Answers, WorkerAnswers } from './worker-answers.ts'
import type { WorkerBook } from './worker-book.ts'

/** Slots of one worker that are shown. */
const MOST_SLOTS = 1_000

/** A worker, of its events and its answers. */
export function workerRow(
  picture: WorkerPicture,
  { book, answers, index }: { book: WorkerBook; answers: WorkerAnswers; index: KnownTasks },
  nowMs: number,
): WorkerRow {
  const name = picture.hostname
  const answered = answers.of(name) ?? {}
  const stats = recordOf(answered.stats)
  const pool = recordOf(stats['pool'])
  const uptimeS = numberOf(stats['uptime'])
  const isOnline = isAlive(picture, nowMs)
  const scaler = recordOf(stats['autoscaler'])
  const [min, max] = [numberOf(scaler['min']), numberOf(scaler['max'])]
  const lag = numberOf(recordOf(stats['lovage'])['loop_lag_ms'])
  const rss = numberOf(recordOf(stats['lovage'])['rss']) ?? kibibytes(recordOf(stats['rusage'])['maxrss'])
  return {
    name,
    status: isOnline ? 'online' : picture.hasLeft ? 'left' : 'offline',
    software: picture.software ?? null,
    version: picture.version ?? null,
    pid: numberOf(stats['pid']) ?? (picture.pid || null),
    pool: poolName(pool),
    slots: slotsOf(pool),
    active: isOnline ? activeOf(answered.active) : [],
    reserved: lengthOf(answered.reserved),
    scheduled: lengthOf(answered.scheduled),
    processed: picture.processed ?? null,
    ...index.countsOf(name),
    load: picture.loadavg ?? null,
    rssBytes: rss,
    loopLagMs: lag,
    queues: queueNames(answered),
    upSinceMs: uptimeS === null ? book.onlineAtMs(name) : answers.atMs(name) - uptimeS * 1000,
    heartbeats: book.heartbeats(name, nowMs),
    autoscale: min === null || max === null ? null : { min, max },
    asOfMs: Math.max(picture.heardAtMs, answers.atMs(name)),
    ...(isOnline
      ? undefined
      : { staleBecause: picture.hasLeft ? 'it has said that it goes' : 'its heartbeats have stopped' }),
  }
}

/** A worker with all that is known of it. */
export function workerDetail(row: WorkerRow, answers: Answers | undefined): WorkerDetail {
  const { stats, conf, registered } = answers ?? {}
  return {
    ...row,
    tasks: registeredOf(registered),
    prefetch: numberOf(recordOf(stats)['prefetch_count']),
    stats: stats ?? null,
    conf: conf ?? null,
  }
}

/** The queues that a worker reads. */
export function queueNames(answers: Answers | undefined): string[] {
  return listOf(answers?.active_queues)
    .map((queue) => textOf(recordOf(queue)['name']))
    .filter((name) => name !== null)
}

function activeOf(value: unknown): Slot[] {
  return listOf(value)
    .slice(0, MOST_SLOTS)
    .map(recordOf)
    .map(({ id, name, time_start: start }) => ({
      id: textOf(id) ?? '',
      name: textOf(name) ?? '',
      sinceMs: (numberOf(start) ?? 0) * 1000,
    }))
    .filter(({ id }) => id !== '')
}

/** Celery's workers answer `shop.add [rate_limit=10/m]`. */
function registeredOf(value: unknown): WorkerDetail['tasks'] {
  return listOf(value)
    .filter((each) => typeof each === 'string')
    .map((each) => {
      const [, name = each, items = ''] = /^(.*?)(?: \[(.*)\])?$/s.exec(each) ?? []
      const item = (key: string): string | null => {
        const found = new RegExp(`(?:^| )${key}=(\\S+)`).exec(items)?.[1] ?? null
        return found === 'None' || found === 'null' ? null : found
      }
      const ms = (key: string): number | null => {
        const seconds = Number(item(key) ?? NaN)
        return Number.isFinite(seconds) ? Math.round(seconds * 1000) : null
      }
      const [timeLimitMs, softTimeLimitMs] = [ms('time_limit'), ms('soft_time_limit')]
      return { name, rateLimit: item('rate_limit'), timeLimitMs, softTimeLimitMs }
    })
}

/** `celery.concurrency.prefork:TaskPool` is what people call prefork, `lovage:threads` is threads. */
function poolName(pool: Readonly<Record<string, unknown>>): string | null {
  const text = textOf(pool['implementation'])
  // Celery before 5.3 does not say which it is; each has something that the others have not.
  if (text === null) return 'writes' in pool ? 'prefork' : 'threads' in pool ? 'threads' : null
  return /^lovage:(.+)$/.exec(text)?.[1] ?? /([\w-]+):\w+$/.exec(text)?.[1] ?? text
}

/** Celery's prefork keeps `max-concurrency` as it was at its start, whatever it grows to. */
function slotsOf(pool: Readonly<Record<string, unknown>>): number | null {
  const processes = listOf(pool['processes']).length
  const isPrefork = poolName(pool) === 'prefork'
  return isPrefork && processes > 0 ? processes : numberOf(pool['max-concurrency'])
}

function kibibytes(value: unknown): number | null {
  const number = numberOf(value)
  return number === null || number === 0 ? null : number * 1024
}

function lengthOf(value: unknown): number | null {
  return Array.isArray(value) ? value.length : null
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {}
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}
