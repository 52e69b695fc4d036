import { expect, test } from 'vitest'
import { Heart } from '../../src/fleet/heart.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

test('a heart that is asked to beat does so while its worker is there, and at no other time', async () => {
  const clock = new VirtualClock()
  const told: string[] = []
  const emitter = { tell: (type: string) => void told.push(type) }
  const heart = new Heart({ clock, emitter, intervalMs: 2_000, figures: () => ({ active: 0, processed: 0 }) })
  heart.beat()
  expect(told).toEqual([])
  heart.start()
  heart.beat()
  await clock.play(2_000)
  expect(told.splice(0)).toEqual(['worker-online', 'worker-heartbeat', 'worker-heartbeat'])
  heart.stop()
  // Whoever watches would take it for alive again.
  heart.beat()
  await clock.play(10_000)
  expect(told).toEqual(['worker-offline'])
})
