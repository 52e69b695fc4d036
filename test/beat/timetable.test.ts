import { describe, expect, it } from 'vitest'
import { crontab, every, type Entry } from '../../src/beat/entry.ts'
import { readEntry } from '../../src/beat/timetable.ts'
import { isLovageError } from '../../src/base/errors.ts'

/** The first times that an entry is due after a moment, in UTC, to the minute. */
function dues(entry: Entry<string>, after: string, count: number, zone = 'UTC'): string[] {
  const timetable = readEntry('nightly', entry, zone)
  const found: string[] = []
  for (let last = Date.parse(after); found.length < count;) {
    last = timetable.next(last).dueMs
    found.push(new Date(last).toISOString().slice(0, 16))
  }
  return found
}

describe('a crontab', () => {
  it('is due when the day of the month AND the day of the week say so', () => {
    const fridays13th = crontab('0 9 13 * fri', 'report')
    expect(dues(fridays13th, '2026-01-01T00:00Z', 3)).toEqual([
      '2026-02-13T09:00',
      '2026-03-13T09:00',
      '2026-11-13T09:00',
    ])
  })

  it('means the same as fields by name, numbers and lists too', () => {
    const [text, named] = [
      crontab('0,30 22-2/2 * jan,jul mon-fri', 'report'),
      crontab({ minute: [0, 30], hour: '22-2/2', monthOfYear: '1,7', dayOfWeek: [1, 2, 3, 4, 5] }, 'report'),
    ]
    expect(dues(text, '2026-07-30T12:00Z', 20)).toEqual(dues(named, '2026-07-30T12:00Z', 20))
  })

  it('goes round the end of its field in a range that wraps', () => {
    expect(dues(crontab('0 0 * * fri-mon', 'report'), '2026-11-18T00:00Z', 4)).toEqual([
      '2026-11-20T00:00',
      '2026-11-21T00:00',
      '2026-11-22T00:00',
      '2026-11-23T00:00',
    ])
  })

  it('waits for a 29 February on a Monday, over the year 2100 too', () => {
    const rare = crontab('0 0 29 2 mon', 'report')
    expect(dues(rare, '2026-01-01T00:00Z', 4).map((due) => due.slice(0, 10))).toEqual([
      '2044-02-29',
      '2072-02-29',
      '2112-02-29',
      '2140-02-29',
    ])
  })

  it('is not due again in the minute in which it is asked', () => {
    const timetable = readEntry('nightly', crontab('30 2 * * *', 'report'), 'UTC')
    const due = Date.UTC(2026, 10, 21, 2, 30)
    expect([due - 1, due, due + 59_999].map((after) => timetable.next(after).dueMs - due)).toEqual([
      0, 86_400_000, 86_400_000,
    ])
  })

  it('has the zone of its entry, else that of the application', () => {
    const inShanghai = crontab('30 2 * * *', 'report', { timezone: 'Asia/Shanghai' })
    expect(dues(inShanghai, '2026-01-01T00:00Z', 1, 'Europe/Paris')).toEqual(['2026-01-01T18:30'])
    expect(dues(crontab('30 2 * * *', 'report'), '2026-01-01T00:00Z', 1, 'Europe/Paris')).toEqual(['2026-01-01T01:30'])
  })
})

// Berlin: on 29 March 2026 02:00 is followed by 03:00 (01:00 UTC); on 25 October 03:00 by 02:00 (01:00 UTC).
describe('in an hour that is missing', () => {
  it('what names its hour is due once, at the first moment after it', () => {
    const halfHours = crontab('0,30 2 * * *', 'report', { timezone: 'Europe/Berlin' })
    expect(dues(halfHours, '2026-03-28T12:00Z', 3)).toEqual([
      '2026-03-29T01:00',
      '2026-03-30T00:00',
      '2026-03-30T00:30',
    ])
  })

  it('and is not due twice when it is due at that moment anyway', () => {
    const both = crontab('0 2,3 * * *', 'report', { timezone: 'Europe/Berlin' })
    expect(dues(both, '2026-03-28T12:00Z', 3)).toEqual(['2026-03-29T01:00', '2026-03-30T00:00', '2026-03-30T01:00'])
  })

  it('what is due every hour goes on as time passes', () => {
    const hourly = crontab('30 * * * *', 'report', { timezone: 'Europe/Berlin' })
    expect(dues(hourly, '2026-03-29T00:00Z', 3)).toEqual(['2026-03-29T00:30', '2026-03-29T01:30', '2026-03-29T02:30'])
  })

  it('a whole day that a country leaves out is one such hour', () => {
    const daily = crontab('0 9 * * *', 'report', { timezone: 'Pacific/Apia' })
    expect(dues(daily, '2011-12-29T18:00Z', 3)).toEqual(['2011-12-29T19:00', '2011-12-30T10:00', '2011-12-30T19:00'])
  })
})

describe('in an hour that comes twice', () => {
  it('what names its hour is due the first time only', () => {
    const nightly = crontab('30 2 * * *', 'report', { timezone: 'Europe/Berlin' })
    expect(dues(nightly, '2026-10-24T12:00Z', 2)).toEqual(['2026-10-25T00:30', '2026-10-26T01:30'])
  })

  it('what is due every hour is due both times', () => {
    const hourly = crontab('30 * * * *', 'report', { timezone: 'Europe/Berlin' })
    expect(dues(hourly, '2026-10-25T00:00Z', 3)).toEqual(['2026-10-25T00:30', '2026-10-25T01:30', '2026-10-25T02:30'])
  })
})

// Beirut: on 25 October 2026 00:00 is followed by 23:00 of the day before (21:00 UTC).
it('an hour that comes twice at the end of a day is not taken for that of the next year', () => {
  const yearly = crontab('30 * 24 10 *', 'report', { timezone: 'Asia/Beirut' })
  expect(dues(yearly, '2026-10-24T20:00Z', 3)).toEqual(['2026-10-24T20:30', '2026-10-24T21:30', '2027-10-23T21:30'])
})

describe('an interval', () => {
  it('is due at its multiples, whoever asks and whenever it was started', () => {
    expect(dues(every('15m', 'tick'), '2026-11-21T14:46:22Z', 3)).toEqual([
      '2026-11-21T15:00',
      '2026-11-21T15:15',
      '2026-11-21T15:30',
    ])
  })

  it('does not mind clocks that are put forward', () => {
    expect(dues(every('1h', 'tick'), '2026-03-29T00:00Z', 2, 'Europe/Berlin')).toEqual([
      '2026-03-29T01:00',
      '2026-03-29T02:00',
    ])
  })
})

describe('jitter', () => {
  it('makes ticks come later, each by a time of its own, and the same in every process', () => {
    const [one, other] = [0, 1].map(() => readEntry('tick', every('1m', 'tick', { jitter: '30s' }), 'UTC'))
    const ticks = Array.from({ length: 200 }, (_, index) => one?.next(index * 60_000))
    const delays = ticks.map((tick) => (tick ? tick.atMs - tick.dueMs : NaN))
    expect(ticks).toEqual(Array.from({ length: 200 }, (_, index) => other?.next(index * 60_000)))
    expect(ticks.map((tick) => tick?.dueMs)).toEqual(ticks.map((_, index) => (index + 1) * 60_000))
    expect(delays.filter((delay) => !(delay >= 0 && delay < 30_000))).toEqual([])
    expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(20_000)
    expect(new Set(delays).size).toBeGreaterThan(150)
  })

  it('is another for an entry of another name', () => {
    const tick = (name: string): number => readEntry(name, every('1m', 'tick', { jitter: '30s' }), 'UTC').next(0).atMs
    expect(new Set(['a', 'b', 'c', 'd'].map(tick)).size).toBeGreaterThan(1)
  })
})

describe('a bad entry is refused with its name and its field:', () => {
  const cron = (times: unknown, options = {}): Entry<string> => crontab(times as string, 'report', options)
  it.each<[Entry<string>, message: string, fix: string]>([
    [cron('60 * * * *'), 'minute has 60', 'Write whole numbers from 0 to 59'],
    [cron('0 24 * * *'), 'hour has 24', 'Write whole numbers from 0 to 23'],
    [cron('0 0 0 * *'), 'dayOfMonth has 0', 'Write whole numbers from 1 to 31'],
    [cron('0 0 * * 7'), 'dayOfWeek has 7', 'Write whole numbers from 0 to 6; Sunday is 0, as in Celery'],
    [cron('0 mon * * *'), 'hour has "mon"', 'Write numbers from 0 to 23'],
    [cron('0 0 * juny *'), 'monthOfYear has "juny"', 'Did you mean june?'],
    [cron('5/10 * * * *'), 'minute has "5/10", a step without a range', "Write the range: '5-59/10'"],
    [cron('*/0 * * * *'), 'minute has the step "0"', 'Write a step of 1 or more'],
    [
      cron('0 0 1,,2 * *'),
      'dayOfMonth has "" in "1,,2"',
      "Write numbers, ranges, lists and steps: '0', '1-5', '1,15', '*/10'",
    ],
    [
      cron('0 0 30 2 *'),
      'dayOfMonth names days that none of the months has',
      'Write a day that the month has; 29 February comes every four years or eight',
    ],
    [
      cron('0 0 * *'),
      'crontab is "0 0 * *", which has 4 fields',
      'Write five: minute, hour, day of month, month, day of week',
    ],
    [cron(5), 'crontab is 5', "Write five fields, as '30 2 * * mon-fri', or an object of fields"],
    [cron({ minutes: 5 }), 'minutes is no field of a crontab', 'Did you mean minute?'],
    [cron({ minute: [] }), 'minute is an empty list', "Write at least one number, or '*'"],
    [cron({ minute: [1.5] }), 'minute has 1.5', 'Write whole numbers from 0 to 59'],
    [cron({ minute: ['5'] }), 'minute has "5"', "Write a number, numbers, or a text like '*/5'"],
    [
      cron('0 0 * * *', { timezone: 'Mars/Base' }),
      'timezone names "Mars/Base", which is no time zone',
      "Write a name like 'UTC' or 'Asia/Shanghai'",
    ],
    [cron('0 0 * * *', { jiter: 5 }), 'jiter is no option of an entry', 'Did you mean jitter?'],
    [every('10ms', 'tick'), 'every is "10ms"', 'Write whole milliseconds, at least 100'],
    [
      every('10' as '10s', 'tick'),
      'every must be a length of time, and is "10"',
      "Write a number of milliseconds, or a text like '250ms', '10s', '5m', '2h' or '1d'",
    ],
    [{ task: 'tick' }, 'entry has no schedule', 'Make it with crontab(), every() or solar()'],
    [
      { task: 'tick', every: '1m', crontab: '0 0 * * *' },
      'entry has two schedules',
      'Make it with crontab(), every() or solar()',
    ],
    [undefined as unknown as Entry<string>, 'entry is undefined', 'Make it with crontab(), every() or solar()'],
  ])('%o', (entry, message, fix) => {
    let thrown: unknown
    try {
      readEntry('nightly', entry, 'UTC')
    } catch (error) {
      thrown = error
    }
    expect(isLovageError(thrown, 'SCHEDULE_INVALID') && thrown).toMatchObject({
      message: `The schedule of nightly cannot be kept: ${message}`,
      fix,
    })
  })
})
