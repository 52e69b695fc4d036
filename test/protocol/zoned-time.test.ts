import { expect, test } from 'vitest'
import { isoTimeIn } from '../../src/protocol/zoned-time.ts'

const utc = (text: string): number => Date.parse(text)

test.each([
  ['2026-11-21T10:00:00', 'UTC', '2026-11-21T10:00:00Z'],
  ['2026-11-21T10:00:00.250000', 'Asia/Shanghai', '2026-11-21T02:00:00.250Z'],
  ['2026-11-21', 'Asia/Shanghai', '2026-11-20T16:00:00Z'],
  ['2026-07-01T12:00:00', 'Europe/Paris', '2026-07-01T10:00:00Z'],
  ['2026-12-01T12:00:00', 'Europe/Paris', '2026-12-01T11:00:00Z'],
  ['2026-11-21T10:00:00', 'Asia/Kathmandu', '2026-11-21T04:15:00Z'],
  ['2026-11-21T10:00:00', 'America/New_York', '2026-11-21T15:00:00Z'],
])('%s in %s is %s', (text, zone, at) => {
  expect(isoTimeIn(text, zone)).toBe(utc(at))
})

test.each(['2026-11-21T10:00:00Z', '2026-11-21T10:00:00+02:00', '2026-11-21T10:00:00.5-05:30'])(
  '%s says its own offset',
  (text) => {
    expect(isoTimeIn(text, 'Asia/Shanghai')).toBe(utc(text))
  },
)

test('a time that the clocks repeat is the first, and one that they skip is read as if they had not', () => {
  expect(isoTimeIn('2026-10-25T02:30:00', 'Europe/Paris')).toBe(utc('2026-10-25T00:30:00Z'))
  expect(isoTimeIn('2026-03-29T02:30:00', 'Europe/Paris')).toBe(utc('2026-03-29T01:30:00Z'))
})

test('what is no time is none in any zone', () => {
  expect(isoTimeIn('tomorrow', 'Asia/Shanghai')).toBeUndefined()
})
