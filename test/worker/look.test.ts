import { expect, test } from 'vitest'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { Bench, waiting } from './bench.ts'

test('a worker tells what runs, what waits, what is held and what is revoked', async () => {
  const clock = new VirtualClock()
  await using bench = new Bench({ clock })
  const { release } = waiting(bench)
  bench.app.task('limited', { rateLimit: '1/h' }, () => 1)
  const made = await bench.worker({ concurrency: 1, prefetch: 10 })
  expect([made.active(), made.reserved(), made.scheduled(), made.revoked()]).toEqual([[], [], [], []])
  await bench.publish({ task: 'limited', id: 'first' })
  await clock.play(0)
  await bench.publish({ task: 'wait', id: 'runs', argsrepr: "('a',)", retries: 2, priority: 3 }, ['a'])
  await bench.publish({ task: 'wait', id: 'waits', expires: '2026-01-02T00:00:00+00:00' }, ['b'])
  await bench.publish({ task: 'wait', id: 'held', eta: '2026-01-01T01:00:00+00:00' }, ['c'])
  await bench.publish({ task: 'limited', id: 'limited' })
  await clock.play(5)
  made.revoke('gone')
  expect(made.active()).toEqual([
    {
      id: 'runs',
      task: 'wait',
      queue: 'celery',
      exchange: '',
      routingKey: 'celery',
      priority: 3,
      redelivered: false,
      argsrepr: "('a',)",
      kwargsrepr: '{}',
      retries: 2,
      etaMs: undefined,
      expiresAtMs: undefined,
      startedAtMs: Date.UTC(2026, 0, 1),
      acknowledged: false,
    },
  ])
  expect(made.reserved()).toMatchObject([{ id: 'waits', expiresAtMs: Date.UTC(2026, 0, 2) }, { id: 'limited' }])
  expect(made.reserved().map(({ startedAtMs }) => startedAtMs)).toEqual([undefined, undefined])
  expect(made.scheduled()).toMatchObject([{ id: 'held', etaMs: Date.UTC(2026, 0, 1, 1) }])
  expect(made.revoked()).toEqual(['gone'])
  release()
  const stopping = made.stop()
  await clock.play(1_000)
  await stopping
  expect([made.active(), made.reserved(), made.scheduled()]).toEqual([[], [], []])
})
