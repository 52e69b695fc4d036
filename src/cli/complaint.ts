import { fileURLToPath } from 'node:url'
import { relative } from 'node:path'
import { isLovageError, messageOf } from '../base/errors.ts'
import { harmless, type Paint } from './paint.ts'

/** What went wrong, told to a person: what, where, what to do next. Plain data, so that it can cross to another process. */
export interface Complaint {
  readonly what: string
  readonly where?: string
  readonly next?: string
  /** A row of the error table; absent for errors of user code. */
  readonly code?: string
  readonly stack?: string
}

/** Reads a complaint out of anything thrown. */
export function complaintOf(thrown: unknown): Complaint {
  const stack = thrown instanceof Error ? stackOf(thrown) : undefined
  if (isLovageError(thrown)) {
    const { at } = thrown.details
    const where = typeof at === 'string' ? at : undefined
    return { what: thrown.message, where, next: thrown.fix, code: thrown.code, stack }
  }
  return { what: messageOf(thrown), where: placeOf(thrown), stack }
}

/** Lines for a terminal. The stack is shown with `debug` only. */
export function complaintLines(
  complaint: Complaint,
  paint: Paint,
  { debug = false }: { debug?: boolean } = {},
): string[] {
  const { what, where, next = '' } = complaint
  const lines = [`${paint('red', '✗')} ${paint('bold', many(what))}`]
  const tell = (label: string, text: string | undefined): void => {
    if (text) lines.push(`  ${paint('dim', `${label}:`)} ${many(text)}`)
  }
  // A place that one of the sentences names is not told twice.
  if (where && !`${what} ${next}`.includes(where)) tell('where', where)
  tell('next', next)
  tell('code', complaint.code && `${complaint.code} (docs/errors.md)`)
  if (debug && complaint.stack) lines.push(paint('dim', complaint.stack))
  return lines
}

/** `file:line:column` of the first frame that is the user's own, relative to the working directory. */
export function placeOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !thrown.stack) return undefined
  for (const line of thrown.stack.split('\n')) {
    const found = /^at (?:.*\()?((?:file:\/\/|\/|[A-Z]:\\).*):(\d+):(\d+)\)?$/.exec(line.trim())
    if (!found?.[1]) continue
    const path = found[1].startsWith('file://') ? fileURLToPath(found[1]) : found[1]
    if (path.includes('node_modules')) continue
    return `${relative(process.cwd(), path)}:${found[2]}:${found[3]}`
  }
  return undefined
}

function stackOf(error: Error): string {
  const own = error.stack ?? String(error)
  return error.cause instanceof Error ? `${own}\ncaused by: ${stackOf(error.cause)}` : own
}

/** Several lines stay several lines, indented under the first; everything else that is not text is made visible. */
function many(text: string): string {
  return text.split('\n').map(harmless).join('\n    ')
}
