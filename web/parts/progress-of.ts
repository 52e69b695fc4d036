// What a task tells of its progress is of no fixed shape: what is usual is read, the rest is shown as it is.

/** How far a task is. */
export interface HowFar {
  /** From 0 to 1; null: it does not say. */
  readonly part: number | null
  /** `37 of 100`; null: it does not count. */
  readonly count: string | null
  readonly text: string | null
}

const DONE = ['current', 'done', 'completed', 'processed']
const TOTAL = ['total', 'of']
const PERCENT = ['percent', 'percentage']
const TEXT = ['text', 'message', 'status', 'description']

/** Reads `{ current: 37, total: 100, text: 'page 37' }`, `{ percent: 37 }`, a part of 1, a percentage, and plain text. */
export function progressOf(progress: unknown): HowFar {
  if (typeof progress === 'string') return { part: null, count: null, text: progress }
  if (typeof progress === 'number')
    return { part: within(progress <= 1 ? progress : progress / 100), count: null, text: null }
  if (typeof progress !== 'object' || progress === null) return { part: null, count: null, text: null }
  const members = progress as Readonly<Record<string, unknown>>
  const first = <T>(names: readonly string[], is: (value: unknown) => value is T): T | undefined =>
    names.map((name) => members[name]).find(is)
  const text = first(TEXT, (value) => typeof value === 'string') ?? null
  const [done, total] = [first(DONE, isNumber), first(TOTAL, isNumber)]
  if (done !== undefined && total !== undefined && total > 0) {
    return { part: within(done / total), count: `${done} of ${total}`, text }
  }
  const percent = first(PERCENT, isNumber)
  return { part: percent === undefined ? null : within(percent / 100), count: null, text }
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function within(part: number): number {
  return Math.min(1, Math.max(0, part))
}
