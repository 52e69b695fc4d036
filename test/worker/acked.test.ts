import { expect, test } from 'vitest'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { Acked } from '../../src/worker/acked.ts'

test('what was acknowledged of late is remembered, and once', () => {
  const acked = new Acked(new VirtualClock())
  acked.add('a')
  expect([acked.delete('a'), acked.delete('a'), acked.delete('b')]).toEqual([true, false, false])
})

test('it is forgotten after a while, whatever comes meanwhile', async () => {
  const clock = new VirtualClock()
  const acked = new Acked(clock)
  acked.add('early')
  await clock.play(149_000)
  acked.add('late')
  await clock.play(149_000)
  expect(acked.delete('late')).toBe(true)
  await clock.play(10_000)
  expect(acked.delete('early')).toBe(false)
})

test('thousands are remembered at least, tens of thousands never', () => {
  const acked = new Acked(new VirtualClock())
  for (let index = 0; index < 25_000; index++) acked.add(String(index))
  const kept = Array.from({ length: 25_000 }, (_, index) => acked.delete(String(index)))
  expect(kept.slice(-5_000).every(Boolean)).toBe(true)
  expect(kept.filter(Boolean).length).toBeLessThanOrEqual(10_000)
})
