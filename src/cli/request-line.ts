import type { LogRecord } from '../base/log.ts'
import { harmless, shownMs, type Paint } from './paint.ts'

/**
 * The records that people read most, as sentences of their own: one line a request, one line a run. Undefined for all
 * others.
 */
export function sentenceOf({ room, message, fields }: LogRecord, paint: Paint): string | undefined {
  if (room === 'gateway' && message === 'request') return requestLine(fields, paint)
  if (room === 'worker' && message === 'task done') return runLine(fields, paint)
  return undefined
}

function requestLine(fields: LogRecord['fields'], paint: Paint): string {
  const status = Number(fields['status'])
  const color = status >= 500 ? 'red' : status >= 400 ? 'yellow' : 'green'
  const parts = [`${textOf(fields['method'])} ${textOf(fields['url'])}`, paint(color, String(status))]
  if (fields['error'] !== undefined) parts.push(textOf(fields['error']))
  if (fields['task'] !== undefined) parts.push(paint('cyan', textOf(fields['task'])))
  return [...parts, ...times(fields, paint)].join(' ')
}

/** What became of the message, where it was not simply done with. */
const ENDINGS: Readonly<Record<string, string>> = {
  back: 'back to its queue',
  dead: 'moved to the dead letters',
  lost: 'no longer ours: somebody runs it again',
}

/** A failure has its traceback below, as Celery's log has. */
function runLine(fields: LogRecord['fields'], paint: Paint): string {
  const { task, id, state, retries, retryInMs, error, traceback } = fields
  const done = state === 'SUCCESS' ? 'done' : paint(state === 'FAILURE' ? 'red' : 'yellow', textOf(state))
  const parts = [`${paint('cyan', textOf(task))}[${textOf(id)}] ${done}`]
  if (error !== undefined) parts.push(textOf(error))
  const where = ENDINGS[textOf(fields['ending'])]
  if (where !== undefined) parts.push(`(${where})`)
  if (typeof retryInMs === 'number') parts.push(`again in ${shownMs(retryInMs)}`)
  if (typeof retries === 'number') parts.push(`(retry ${retries})`)
  const line = [...parts, ...times({ ...fields, queueMs: fields['waitMs'] }, paint)].join(' ')
  if (typeof traceback !== 'string') return line
  const frames = traceback.trimEnd().split('\n')
  return [line, ...frames.map((frame) => paint('dim', `    ${harmless(frame)}`))].join('\n')
}

/** `queue 0.41 ms  run 0.10 ms  total 1.3 ms`, each where it is known. */
export function times(fields: LogRecord['fields'], paint: Paint): string[] {
  const shown: string[] = []
  for (const [name, label] of [
    ['queueMs', 'queue'],
    ['runMs', 'run'],
    ['totalMs', 'total'],
  ] as const) {
    const value = fields[name]
    if (typeof value === 'number') shown.push(` ${paint('dim', label)} ${shownMs(value)}`)
  }
  return shown
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? harmless(value) : ''
}
