import { describe, expect, test } from 'vitest'
import { encodeBody, encodeTask, newRequest } from '../../src/protocol/task-message.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { Bench, waiting } from './bench.ts'

describe('a task for later', () => {
  test('is held, unacknowledged, until its time', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const ranAt: number[] = []
    const later = bench.app.task('later', () => void ranAt.push(clock.now()))
    const made = await bench.worker()
    const eta = new Date(clock.now() + 5_000)
    await later.applyAsync([], { eta })
    await clock.play(4_999)
    expect(made.stats()).toMatchObject({ held: 1, started: 0 })
    expect(bench.happened).toEqual([])
    await clock.play(1)
    expect(ranAt).toEqual([eta.getTime()])
    expect(bench.happened).toEqual(['put SUCCESS', 'ack later'])
    expect(bench.logged('task done')).toMatchObject([{ waitMs: 0 }])
  })

  test('goes back as a new message when it has come so often that a quorum queue may throw it away', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    waiting(bench)
    const made = await bench.worker()
    const body = encodeBody(['a'], {})
    const request = newRequest({ id: 'a', task: 'wait', eta: '2026-01-01T01:00:00+00:00', body })
    const { headers, ...rest } = encodeTask(request)
    await bench.send({ ...rest, headers: { ...headers, 'x-delivery-count': 10 } })
    await clock.play(0)
    expect(made.stats()).toMatchObject({ held: 1 })
    const stopping = made.stop()
    await clock.play(10_000)
    await stopping
    expect(bench.happened).toEqual(['ack wait'])
    const { broker } = await bench.app.client()
    const found: unknown[] = []
    await broker.admin?.visit('celery', 9, ({ message }) => void found.push(message.headers))
    expect(found).toEqual([headers])
  })

  test('keeps nobody behind it waiting: each lets one more message come', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { begun } = waiting(bench)
    const made = await bench.worker({ concurrency: 1 })
    const eta = '2026-01-01T01:00:00+00:00'
    for (let index = 0; index < 10; index++) await bench.publish({ task: 'wait', eta }, [`later ${index}`])
    await bench.publish({ task: 'wait' }, ['now'])
    await clock.play(0)
    await clock.play(0)
    await expect.poll(() => begun).toEqual(['now'])
    expect(made.stats()).toMatchObject({ held: 10, running: 1 })
    expect(bench.prefetches.at(-1)).toBe(12)
  })

  test('many in one turn change the prefetch once', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    waiting(bench)
    const eta = '2026-01-01T01:00:00+00:00'
    for (let index = 0; index < 50; index++) await bench.publish({ task: 'wait', eta }, ['later'])
    const made = await bench.worker({ concurrency: 60 })
    await clock.play(0)
    expect(made.stats().held).toBe(50)
    expect(bench.prefetches).toEqual([61, 111])
  })

  test('is one of a bounded number: beyond that no more messages come', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    waiting(bench)
    const made = await bench.worker({ concurrency: 1, maxHeld: 3 })
    const eta = '2026-01-01T01:00:00+00:00'
    for (let index = 0; index < 20; index++) await bench.publish({ task: 'wait', eta }, ['later'])
    for (let turn = 0; turn < 10; turn++) await clock.play(0)
    expect(made.stats()).toMatchObject({ held: 5 })
    expect(bench.prefetches.at(-1)).toBe(5)
    expect(await bench.depth()).toBe(15)
  })

  test('lowers the prefetch again when its time comes', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { begun } = waiting(bench)
    const made = await bench.worker({ concurrency: 1 })
    await bench.publish({ task: 'wait', eta: '2026-01-01T00:00:01+00:00' }, ['later'])
    await clock.play(0)
    await clock.play(1_000)
    expect(begun).toEqual(['later'])
    for (const label of ['a', 'b', 'c']) await bench.publish({ task: 'wait' }, [label])
    await clock.play(0)
    await clock.play(0)
    expect(made.stats()).toMatchObject({ held: 0, running: 1, waiting: 1 })
  })

  test('goes by the calendar, which may be set while it waits', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { begun } = waiting(bench)
    const made = await bench.worker()
    await bench.publish({ task: 'wait', eta: '2026-01-01T00:10:00+00:00' }, ['later'])
    await clock.play(60_000)
    clock.jump(-5 * 60_000)
    await clock.play(9 * 60_000)
    expect(begun).toEqual([])
    expect(made.stats().held).toBe(1)
    await clock.play(5 * 60_000)
    expect(begun).toEqual(['later'])
  })

  test('that has expired when its time comes is revoked', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { begun } = waiting(bench)
    await bench.worker()
    const { id } = await bench.publish(
      { task: 'wait', eta: '2026-01-01T00:00:10+00:00', expires: '2026-01-01T00:00:05+00:00' },
      ['late'],
    )
    await clock.play(10_000)
    expect(begun).toEqual([])
    expect(await bench.ending(id)).toMatchObject({ state: 'REVOKED', args: ['expired'] })
  })
})
