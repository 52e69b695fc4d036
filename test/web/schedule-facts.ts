import type { ScheduleList } from '../../src/dashboard/api.ts'
import { drawing, taskId, HARMFUL } from './task-facts.ts'

const DAY = 86_400_000
type Entry = ScheduleList['schedules'][number]

/** The ticks of a schedule that comes each `step`, of the last and the next 24 h. */
function ticks(now: number, step: number, offset = 0): { past: number[]; coming: number[] } {
  const first = Math.ceil((now - DAY - offset) / step) * step + offset
  const all = Array.from({ length: Math.ceil((2 * DAY) / step) }, (_, index) => first + index * step)
  return {
    past: all.filter((at) => at <= now),
    coming: all.filter((at) => at > now && at <= now + DAY).slice(0, 300),
  }
}

export function schedules(now: number): ScheduleList {
  const random = drawing(3)
  const entry = (
    name: string,
    schedule: string,
    task: string,
    step: number,
    states: (index: number, of: number) => string,
    given: Partial<Entry> = {},
    offset = 0,
  ): Entry => {
    const { past, coming } = ticks(now, step, offset)
    const runs = past.map((at, index) => ({ id: taskId(random), atMs: at, state: states(index, past.length) }))
    const last = runs.findLast(({ state }) => state !== 'MISSED')
    return {
      name,
      schedule,
      timezone: 'UTC',
      task,
      isPaused: false,
      isEnabled: true,
      isInCode: true,
      runs: 40 * runs.length,
      skipped: 0,
      failures: runs.filter(({ state }) => state === 'FAILURE').length,
      last: last ?? null,
      nextMs: coming[0] ?? null,
      coming,
      past: runs.slice(-400),
      ...given,
    }
  }
  const ok = (): string => 'SUCCESS'
  return {
    asOfMs: now - 400,
    schedules: [
      entry('cleanup', '*/10 * * * *', 'shop.cleanup', 600_000, (index) => (index % 41 === 17 ? 'FAILURE' : 'SUCCESS')),
      entry(
        'heartbeat',
        'every 15m',
        'shop.ping',
        900_000,
        (index) => (index > 50 && index < 56 ? 'MISSED' : 'SUCCESS'),
        {
          skipped: 5,
        },
      ),
      entry(
        'hourly-report',
        '5 * * * *',
        'reports.hour',
        3_600_000,
        (i, of) => (i === of - 1 ? 'STARTED' : i === 7 ? 'RETRY' : 'SUCCESS'),
        {},
        300_000,
      ),
      entry('nightly', '30 2 * * mon-fri', 'reports.year', DAY, ok, { timezone: 'Asia/Shanghai' }, 18.5 * 3_600_000),
      entry('newsletter', '0 9 * * 1', 'mail.bulk', 7 * DAY, ok, {
        isPaused: true,
        isInCode: false,
        nextMs: null,
        coming: [],
      }),
      entry(
        'lights',
        'sunset at 31.23, 121.47',
        'house.lights',
        DAY,
        () => 'FAILURE',
        { timezone: 'Asia/Shanghai' },
        9 * 3_600_000,
      ),
      entry(HARMFUL, 'every 6h', HARMFUL, 6 * 3_600_000, ok, { isEnabled: false, isInCode: false }),
    ],
  }
}
