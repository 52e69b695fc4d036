import { systemClock, type Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { onLog, type LogLevel, type LogRecord } from '../base/log.ts'
import { writeStallsAs } from '../pool/stall-watch.ts'
import { joinLines } from './join-lines.ts'
import { harmless, pad, paintFor, shownMs, type Paint } from './paint.ts'
import { sentenceOf } from './request-line.ts'

const RANK: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 }

export interface LogLinesOptions {
  /** Least level that is written. */
  readonly loglevel: LogLevel
  readonly logFormat: 'text' | 'json'
  /** Gateway and worker share this process: one line a request, not two. */
  readonly joined?: boolean
  readonly clock?: Clock
}

/** Writes the log of this process to stderr, a line a record; the returned function ends that. */
export async function writeLog({
  loglevel,
  logFormat,
  joined,
  clock = systemClock,
}: LogLinesOptions): Promise<() => void> {
  const write = logFormat === 'json' ? await jsonWriter(clock) : textWriter(paintFor(process.stderr), clock)
  const least = RANK[loglevel]
  writeStallsAs(RANK.warn >= least ? logFormat : 'off')
  const take = (record: LogRecord): void => {
    if (RANK[record.level] >= least) write(record)
  }
  // Programs that read the log want every record; the joining is for people.
  if (!joined || logFormat === 'json') return onLog(take)
  const lines = joinLines(take, clock)
  const end = onLog(lines.take)
  return () => {
    end()
    lines.flush()
  }
}

/** One record as one line: time, level where it matters, room, what happened, values. */
export function logLine(record: LogRecord, atMs: number, paint: Paint): string {
  const { level, room, message, fields } = record
  const parts = [paint('dim', clockTime(atMs)), paint('dim', pad(room, 7))]
  if (level !== 'info') parts.push(paint(level === 'error' ? 'red' : level === 'warn' ? 'yellow' : 'dim', level))
  const sentence = sentenceOf(record, paint)
  if (sentence !== undefined) return [...parts, sentence].join(' ')
  parts.push(message)
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) parts.push(`${paint('dim', `${name}=`)}${shownValue(name, value)}`)
  }
  return parts.join(' ')
}

/** Local time of day, `14:03:07.123`. */
export function clockTime(atMs: number): string {
  const date = new Date(atMs)
  const two = (value: number): string => String(value).padStart(2, '0')
  const millis = String(date.getMilliseconds()).padStart(3, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${millis}`
}

function textWriter(paint: Paint, clock: Clock): (record: LogRecord) => void {
  return (record) => void process.stderr.write(`${logLine(record, clock.now(), paint)}\n`)
}

async function jsonWriter(clock: Clock): Promise<(record: LogRecord) => void> {
  const { pino } = await import('pino')
  const time = (): string => `,"time":"${new Date(clock.now()).toISOString()}"`
  // Written at once, not collected: the last words of a process that dies are the ones that count.
  const logger = pino({ level: 'debug', timestamp: time }, process.stderr)
  return ({ level, room, message, fields }) => logger[level]({ room, ...fields }, message)
}

function shownValue(name: string, value: unknown): string {
  if (typeof value === 'number' && name.endsWith('Ms')) return shownMs(value)
  if (value instanceof Error) return harmless(messageOf(value))
  if (typeof value === 'object' && value !== null) return harmless(jsonOf(value))
  const text = String(value)
  return /[\s"=]/.test(text) || text === '' ? harmless(JSON.stringify(text)) : harmless(text)
}

function jsonOf(value: object): string {
  try {
    return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner))
  } catch {
    return '(cannot be shown)'
  }
}
