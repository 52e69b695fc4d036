import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Forecast, type ForecastOptions } from '../../src/gateway/forecast.ts'

const OPTIONS: ForecastOptions = {
  safety: 0.8,
  share: 0.8,
  staleMs: 5_000,
  longestMs: 600_000,
  lateMs: 5_000,
  most: 1_000,
}

const slots = fc.integer({ min: 1, max: 200 })
const runMs = fc.integer({ min: 1, max: 10_000 })
const waiting = fc.integer({ min: 0, max: 100_000 })
const leftMs = fc.integer({ min: 1, max: 60_000 })

function forecast(waits: number, most: number, ran: number): Forecast {
  const made = new Forecast(OPTIONS)
  made.ran('a', ran)
  made.sampled(0, waits, most)
  return made
}

test('nobody is sent away where nothing is known, or nothing new, or nothing waits', () => {
  fc.assert(
    fc.property(slots, runMs, waiting, leftMs, (most, ran, waits, left) => {
      const unknown = new Forecast(OPTIONS)
      expect(unknown.judge(0, 'a', left, 'x').isIn).toBe(true)
      unknown.sampled(0, waits, most)
      expect(unknown.judge(0, 'a', left, 'x').isIn).toBe(true)
      expect(forecast(waits, most, ran).judge(OPTIONS.staleMs + 1, 'a', left, 'x').isIn).toBe(true)
      expect(forecast(0, most, ran).judge(0, 'a', left, 'x').isIn).toBe(true)
    }),
  )
})

test('who is let in is done in time, if all runs are as long as the last ones', () => {
  fc.assert(
    fc.property(slots, runMs, waiting, leftMs, (most, ran, waits, left) => {
      const { isIn } = forecast(waits, most, ran).judge(0, 'a', left, 'x')
      if (waits > 0) expect(isIn).toBe((waits * ran) / most + ran <= OPTIONS.safety * left)
    }),
  )
})

test('where somebody is sent away, nobody is let in when more wait, fewer run, or he has less time', () => {
  fc.assert(
    fc.property(slots, runMs, waiting, leftMs, fc.nat(100), fc.nat(100), (most, ran, waits, left, more, less) => {
      fc.pre(!forecast(waits, most, ran).judge(0, 'a', left, 'x').isIn)
      expect(forecast(waits + more, most, ran).judge(0, 'a', left, 'x').isIn).toBe(false)
      expect(forecast(waits, Math.max(1, most - less), ran).judge(0, 'a', left, 'x').isIn).toBe(false)
      expect(forecast(waits, most, ran).judge(0, 'a', Math.max(1, left - less), 'x').isIn).toBe(false)
    }),
  )
})

test('those who are sent away come again one by one, at the pace of the drain, and no sooner than in a second', () => {
  fc.assert(
    fc.property(slots, runMs, fc.integer({ min: 2, max: 300 }), (most, ran, count) => {
      const made = forecast(1_000_000, most, ran)
      const moments: number[] = []
      for (let who = 0; who < count; who++) {
        const verdict = made.judge(0, 'a', 5_000, `${who}`)
        if (!verdict.isIn) moments.push(verdict.retryInMs)
      }
      expect(moments).toHaveLength(count)
      expect(Math.min(...moments)).toBeGreaterThanOrEqual(1_000)
      const own = moments.filter((atMs) => atMs < OPTIONS.longestMs)
      const paceMs = ran / most / OPTIONS.share
      own.forEach((atMs, at) => {
        if (at > 0) expect(atMs - (own[at - 1] as number)).toBeGreaterThanOrEqual(paceMs - 1e-3)
      })
    }),
  )
})

test('a promise is kept: at its moment its caller is let in before others, once, and an early one is told it again', () => {
  const made = forecast(50, 10, 1_000)
  // 5 s of work wait; a caller with 5 s is too late.
  const first = made.judge(0, 'a', 5_000, 'first')
  expect(first.isIn).toBe(false)
  const inMs = first.isIn ? 0 : first.retryInMs
  expect(made.judge(inMs / 2, 'a', 5_000, 'first')).toEqual({ isIn: false, retryInMs: inMs / 2 })
  // As much waits as a caller may stand behind who was promised a moment, and not one who was not.
  made.sampled(inMs, 39, 10)
  expect(made.judge(inMs, 'a', 5_000, 'other').isIn).toBe(false)
  expect(made.judge(inMs, 'a', 5_000, 'first').isIn).toBe(true)
  expect(made.judge(inMs, 'a', 5_000, 'first').isIn).toBe(false)
})

test('promises are bounded in number and in time, and forgotten when nobody comes', () => {
  const made = forecast(100_000_000, 1_000, 1)
  for (let who = 0; who < 5_000; who++) made.judge(0, 'a', 5_000, `${who}`)
  expect(made.promised).toBe(OPTIONS.most)
  made.sampled(700_000, 0, 1_000)
  made.judge(700_000, 'a', 5_000, 'late')
  expect(made.promised).toBe(0)
})
