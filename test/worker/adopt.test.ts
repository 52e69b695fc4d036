import { describe, expect, test } from 'vitest'
import { encodeTask as messageOf } from '../../src/protocol/task-message.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { Bench, Gate, waiting } from './bench.ts'

describe('a message that comes again, because the broker lost us for a moment', () => {
  test('while its task runs is not started again: its new delivery is acknowledged', async () => {
    await using bench = new Bench()
    const { begun, release } = waiting(bench)
    const made = await bench.worker()
    const request = await bench.publish({ task: 'wait' }, ['once'])
    await expect.poll(() => begun).toEqual(['once'])
    bench.isCut = true
    bench.redeliver(messageOf(request))
    bench.isCut = false
    release()
    await expect.poll(() => made.stats()).toMatchObject({ succeeded: 1, adopted: 1, lost: 0 })
    expect(begun).toEqual(['once'])
    expect(bench.happened).toEqual(['put SUCCESS', 'ack wait', 'ack wait'])
  })

  test('while it is held for later is held once', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { begun } = waiting(bench)
    const made = await bench.worker()
    const request = await bench.publish({ task: 'wait', eta: '2026-01-01T00:00:10+00:00' }, ['once'])
    await clock.play(0)
    bench.redeliver(messageOf(request))
    expect(made.stats()).toMatchObject({ held: 1, adopted: 1 })
    await clock.play(10_000)
    expect(begun).toEqual(['once'])
  })

  test('after its task ended, while its acknowledgement was lost, is acknowledged and not run', async () => {
    await using bench = new Bench()
    const { begun, release } = waiting(bench)
    const made = await bench.worker()
    const request = await bench.publish({ task: 'wait' }, ['once'])
    await expect.poll(() => begun).toEqual(['once'])
    bench.isCut = true
    release()
    await expect.poll(() => made.stats()).toMatchObject({ succeeded: 1, lost: 1 })
    expect(bench.logged('task done')).toMatchObject([{ ending: 'lost' }])
    bench.isCut = false
    bench.redeliver(messageOf(request))
    expect(made.stats()).toMatchObject({ adopted: 1, running: 0 })
    expect(bench.happened).toEqual(['put SUCCESS', 'stale wait', 'ack wait'])
    expect(begun).toEqual(['once'])
    // That was that: the same id may be sent once more, on purpose.
    bench.redeliver(messageOf(request))
    await expect.poll(() => begun).toEqual(['once', 'once'])
    release()
  })

  test('after it was acknowledged, because that was lost on its way, is acknowledged once more and not run', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    let runs = 0
    bench.app.task('quick', () => ++runs)
    const made = await bench.worker()
    const request = await bench.publish({ task: 'quick' })
    await clock.play(0)
    expect(made.stats()).toMatchObject({ succeeded: 1, lost: 0 })
    bench.redeliver(messageOf(request))
    await clock.play(0)
    expect(made.stats()).toMatchObject({ adopted: 1, started: 1 })
    expect(bench.happened).toEqual(['put SUCCESS', 'ack quick', 'ack quick'])
    // That was that: the same id may be sent once more, on purpose.
    bench.redeliver(messageOf(request))
    await clock.play(0)
    expect(runs).toBe(2)
  })

  test('long after it was acknowledged is run: somebody wants it so', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    let runs = 0
    bench.app.task('quick', () => ++runs)
    await bench.worker()
    const request = await bench.publish({ task: 'quick' })
    await clock.play(0)
    await clock.play(5 * 60_000)
    bench.redeliver(messageOf(request))
    await clock.play(0)
    expect(runs).toBe(2)
  })

  test('when it was acknowledged early is acknowledged again', async () => {
    await using bench = new Bench()
    const gate = new Gate()
    bench.app.task('early', { acksLate: false }, () => gate.passed)
    const made = await bench.worker()
    const request = await bench.publish({ task: 'early' })
    await expect.poll(() => made.stats().running).toBe(1)
    bench.redeliver(messageOf(request))
    expect(made.stats()).toMatchObject({ adopted: 1, running: 1 })
    gate.open()
    await expect.poll(() => bench.happened).toEqual(['ack early', 'ack early', 'put SUCCESS'])
  })

  test('a task whose early acknowledgement is too late is left to whoever has it now', async () => {
    await using bench = new Bench()
    let runs = 0
    bench.app.task('early', { acksLate: false }, () => void runs++)
    const made = await bench.worker()
    bench.isCut = true
    await bench.publish({ task: 'early' })
    await expect.poll(() => made.stats()).toMatchObject({ received: 1, lost: 1, started: 0 })
    expect(runs).toBe(0)
  })

  test('a task that waited for a slot while its connection was lost is left to whoever has it now', async () => {
    await using bench = new Bench()
    const { begun, release } = waiting(bench)
    const made = await bench.worker({ concurrency: 1, prefetch: 4 })
    await bench.publish({ task: 'wait' }, ['one'])
    const request = await bench.publish({ task: 'wait' }, ['two'])
    await expect.poll(() => made.stats()).toMatchObject({ running: 1, waiting: 1 })
    bench.isCut = true
    release()
    await expect.poll(() => made.stats()).toMatchObject({ succeeded: 1, lost: 2, waiting: 0 })
    expect(begun).toEqual(['one'])
    bench.isCut = false
    bench.redeliver(messageOf(request))
    await expect.poll(() => begun).toEqual(['one', 'two'])
    release()
  })

  test('a second message of the same id that is no redelivery is run, as Celery does', async () => {
    await using bench = new Bench()
    const { begun, release } = waiting(bench)
    const made = await bench.worker()
    await bench.publish({ task: 'wait', id: 'same' }, ['one'])
    await bench.publish({ task: 'wait', id: 'same' }, ['two'])
    await expect.poll(() => begun).toEqual(['one', 'two'])
    release()
    await expect.poll(() => made.stats()).toMatchObject({ succeeded: 2, adopted: 0 })
  })
})
