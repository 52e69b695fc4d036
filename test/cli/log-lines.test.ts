import { describe, expect, it } from 'vitest'
import type { LogRecord } from '../../src/base/log.ts'
import { joinLines } from '../../src/cli/join-lines.ts'
import { logLine } from '../../src/cli/log-lines.ts'
import type { Paint } from '../../src/cli/paint.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

const plain: Paint = (_style, text) => text
const at = new Date(2026, 0, 2, 3, 4, 5, 67).getTime()
const record = (
  room: string,
  message: string,
  fields: LogRecord['fields'],
  level: LogRecord['level'] = 'info',
): LogRecord => ({
  level,
  room,
  message,
  fields,
})

describe('a line of the log', () => {
  it('has the time, the room, what happened and the values', () => {
    const line = logLine(record('broker', 'connected', { url: 'amqp://h/', tookMs: 12.4, tries: 2 }), at, plain)
    expect(line).toBe('03:04:05.067 broker  connected url=amqp://h/ tookMs=12 ms tries=2')
  })

  it('names the level where it matters', () => {
    expect(logLine(record('app', 'lost', {}, 'warn'), at, plain)).toBe('03:04:05.067 app     warn lost')
  })

  it('tells a request in one sentence', () => {
    const fields = {
      method: 'GET',
      url: '/add?x=1',
      status: 200,
      task: 'a.add',
      id: 'x',
      queueMs: 0.4,
      runMs: 12,
      totalMs: 1_234,
    }
    expect(logLine(record('gateway', 'request', fields), at, plain)).toBe(
      '03:04:05.067 gateway GET /add?x=1 200 a.add  queue 0.40 ms  run 12 ms  total 1.23 s',
    )
  })

  it('tells a run in one sentence, and how it failed', () => {
    const fields = { task: 'a.add', id: 'x', state: 'SUCCESS', queue: 'celery', waitMs: 0.4, runMs: 12 }
    expect(logLine(record('worker', 'task done', fields), at, plain)).toBe(
      '03:04:05.067 worker  a.add[x] done  queue 0.40 ms  run 12 ms',
    )
    const failed = { ...fields, state: 'FAILURE', error: 'TypeError: no', traceback: 'TypeError: no\n  at a.ts:1' }
    expect(logLine(record('worker', 'task done', failed, 'error'), at, plain)).toBe(
      '03:04:05.067 worker  error a.add[x] FAILURE TypeError: no  queue 0.40 ms  run 12 ms\n    TypeError: no\n      at a.ts:1',
    )
  })

  it('shows control characters instead of sending them to the terminal', () => {
    const line = logLine(
      record('worker', 'unknown', { task: '\u001b[2J\nfine', more: { deep: 'a\u009bb' } }),
      at,
      plain,
    )
    // oxlint-disable-next-line no-control-regex
    expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
    expect(line).toContain('fine')
  })

  it('survives values that JSON cannot hold', () => {
    const circle: Record<string, unknown> = { big: 1n }
    expect(logLine(record('app', 'm', { value: { big: 2n } }), at, plain)).toContain('value={"big":"2"}')
    circle['self'] = circle
    expect(logLine(record('app', 'm', { value: circle }), at, plain)).toContain('value=')
  })
})

describe('where gateway and worker share a process', () => {
  const request = record('gateway', 'request', { id: 'a', runMs: 1 })
  const done = record('worker', 'task done', { id: 'a', state: 'SUCCESS' })

  const joined = (): { clock: VirtualClock; seen: LogRecord[]; lines: ReturnType<typeof joinLines> } => {
    const clock = new VirtualClock()
    const seen: LogRecord[] = []
    return { clock, seen, lines: joinLines((each) => seen.push(each), clock) }
  }

  it.each([
    ['run first', [done, request]],
    ['request first', [request, done]],
  ])('a request gives one line, %s', (_order, records) => {
    const { clock, seen, lines } = joined()
    for (const each of records) lines.take(each)
    clock.advance(1_000)
    expect(seen).toEqual([request])
  })

  it('a run without a request has its line a moment later', () => {
    const { clock, seen, lines } = joined()
    lines.take(done)
    expect(seen).toEqual([])
    clock.advance(1_000)
    expect(seen).toEqual([done])
  })

  it('a request that did not wait for its run leaves the line of the run', () => {
    const { clock, seen, lines } = joined()
    const accepted = record('gateway', 'request', { id: 'a' })
    lines.take(accepted)
    lines.take(done)
    clock.advance(1_000)
    expect(seen).toEqual([accepted, done])
  })

  it('failures and all else pass at once', () => {
    const { seen, lines } = joined()
    const failed = record('worker', 'task done', { id: 'a', state: 'FAILURE' }, 'error')
    const again = record('worker', 'task done', { id: 'a', state: 'RETRY' })
    lines.take(failed)
    lines.take(again)
    expect(seen).toEqual([failed, again])
  })

  it('what the banner says is not said again', () => {
    const { seen, lines } = joined()
    lines.take(record('gateway', 'listening', { url: 'http://h' }))
    expect(seen).toEqual([])
  })

  it('nothing held back is lost at the end', () => {
    const { seen, lines } = joined()
    lines.take(done)
    lines.flush()
    expect(seen).toEqual([done])
  })
})
