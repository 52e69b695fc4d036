import { expect, test } from 'vitest'
import { beatOf, LAG_BYTES, lagFigures, LagMeter } from '../../src/base/lag.ts'
import type { Clock } from '../../src/base/clock.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

/** A loop whose timers come late when it is told to stand still. */
function loop(): { clock: Clock; play: (ms: number) => Promise<void>; stand: (ms: number) => void } {
  const virtual = new VirtualClock()
  let aheadMs = 0
  return {
    clock: {
      now: () => virtual.now() + aheadMs,
      monotonic: () => virtual.monotonic() + aheadMs,
      after: (ms, fn) => virtual.after(ms, fn),
      turn: (fn) => virtual.turn(fn),
      random: () => virtual.random(),
      uuid: () => virtual.uuid(),
    },
    play: (ms) => virtual.play(ms),
    stand: (ms) => void (aheadMs += ms),
  }
}

function meter(): ReturnType<typeof loop> & { buffer: SharedArrayBuffer; lag: LagMeter } {
  const made = loop()
  const buffer = new SharedArrayBuffer(LAG_BYTES)
  const lag = new LagMeter(made.clock, buffer)
  lag.start()
  return { ...made, buffer, lag }
}

test('a loop that runs is not late, and beats ten times a second', async () => {
  const { buffer, play } = meter()
  expect(lagFigures(buffer)).toBeUndefined()
  await play(10_000)
  expect(lagFigures(buffer)).toEqual({ p50Ms: 0, p99Ms: 0, maxMs: 0 })
  expect(beatOf(buffer)).toBe(100)
})

test('a stall counts as all the beats that it kept from coming', async () => {
  const { buffer, play, stand } = meter()
  await play(10_000)
  stand(3_000)
  await play(7_000)
  const figures = lagFigures(buffer)
  expect(figures?.maxMs).toBeCloseTo(3_000, 0)
  // 30 of 200 beats were late: one in a hundred by at least 2.8 s.
  expect(figures?.p99Ms).toBeGreaterThanOrEqual(2_800)
  expect(figures?.p50Ms).toBe(0)
})

test('what was more than a minute ago is forgotten', async () => {
  const { buffer, play, stand } = meter()
  await play(1_000)
  stand(500)
  await play(59_000)
  expect(lagFigures(buffer)?.maxMs).toBeCloseTo(500, 0)
  await play(2_000)
  expect(lagFigures(buffer)).toEqual({ p50Ms: 0, p99Ms: 0, maxMs: 0 })
})

test('a stall of hours is no more than all of that minute', async () => {
  const { buffer, play, stand } = meter()
  await play(1_000)
  stand(3 * 3_600_000)
  await play(100)
  const figures = lagFigures(buffer)
  expect(figures?.maxMs).toBeGreaterThan(59_000)
  expect(figures?.p50Ms).toBeGreaterThan(29_000)
})

test('one that is stopped beats no more', async () => {
  const { buffer, play, lag } = meter()
  await play(1_000)
  lag.stop()
  await play(1_000)
  expect(beatOf(buffer)).toBe(10)
})
