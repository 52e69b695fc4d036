import { describe, expect, test } from 'vitest'
import { currentTask, Retry } from '../../src/index.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { Revoked } from '../../src/worker/revoked.ts'
import { Bench, waiting } from './bench.ts'

const LATER = '2026-01-01T01:00:00+00:00'
const revoked = { state: 'REVOKED', excType: 'TaskRevokedError', args: ['revoked'] }

describe('a revoked task', () => {
  test('that has not come yet does not run when it comes', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { begun } = waiting(bench)
    const made = await bench.worker()
    made.revoke('a')
    await bench.publish({ task: 'wait', id: 'a' }, ['a'])
    await clock.play(0)
    expect(begun).toEqual([])
    expect(await bench.ending('a')).toEqual(revoked)
    expect(bench.happened).toEqual(['put REVOKED', 'ack wait'])
    expect(made.stats()).toMatchObject({ revoked: 1, dead: 0, running: 0 })
    expect(await bench.dead()).toEqual([])
    expect(bench.logged('task done')).toMatchObject([
      { id: 'a', state: 'REVOKED', error: expect.stringMatching(/revoked/) },
    ])
  })

  test('that is held ends at once, and so does one that waits for a slot', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { begun, release } = waiting(bench)
    const made = await bench.worker({ concurrency: 1, prefetch: 3 })
    for (const id of ['a', 'b', 'c']) await bench.publish({ task: 'wait', id }, [id])
    await bench.publish({ task: 'wait', id: 'held', eta: LATER })
    await clock.play(0)
    await clock.play(0)
    expect(made.stats()).toMatchObject({ running: 1, waiting: 2, held: 0 })
    expect(made.revoke(['b'])).toEqual([])
    for (let turn = 0; turn < 3; turn++) await clock.play(0)
    expect(made.stats()).toMatchObject({ running: 1, waiting: 1, held: 1 })
    made.revoke(['held'])
    for (let turn = 0; turn < 3; turn++) await clock.play(0)
    expect(made.stats()).toMatchObject({ running: 1, waiting: 1, held: 0, revoked: 2 })
    expect([await bench.ending('b'), await bench.ending('held')]).toEqual([revoked, revoked])
    release()
    await clock.play(0)
    expect(begun).toEqual(['a', 'c'])
    release()
    await clock.play(2 * 3_600_000)
    expect(begun).toEqual(['a', 'c'])
    expect(await bench.depth()).toBe(0)
  })

  test('that runs goes on to its end, unless it is to be terminated', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const signals: unknown[] = []
    bench.app.task('deaf', () => {
      const { id, signal } = currentTask()
      signal.addEventListener('abort', () => signals.push([id, (signal.reason as Error).name]))
      return new Promise<never>(() => {})
    })
    const { release } = waiting(bench)
    const made = await bench.worker()
    for (const id of ['a', 'b']) await bench.publish({ task: 'deaf', id })
    await bench.publish({ task: 'wait', id: 'c' }, ['c'])
    await clock.play(0)
    expect(made.revoke(['a', 'c'])).toEqual([])
    release()
    await clock.play(0)
    expect(await bench.ending('c')).toMatchObject({ state: 'SUCCESS' })
    expect(made.stats()).toMatchObject({ running: 2 })
    expect(made.revoke(['a', 'unknown'], { terminate: true })).toEqual(['a'])
    await clock.play(0)
    expect(signals).toEqual([['a', 'TaskRevoked']])
    expect(await bench.ending('a')).toEqual({ ...revoked, args: ['terminated'] })
    expect(made.stats()).toMatchObject({ running: 1, abandoned: 1, revoked: 1, dead: 0 })
    expect(bench.happened.slice(-2)).toEqual(['put REVOKED', 'ack deaf'])
    expect(await bench.dead()).toEqual([])
  })

  test('that would try again does not', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    let runs = 0
    bench.app.task('again', () => {
      runs++
      throw new Retry({ delayMs: 10_000 })
    })
    const made = await bench.worker()
    const { id } = await bench.publish({ task: 'again' })
    await clock.play(5_000)
    made.revoke(id)
    await clock.play(20_000)
    expect(runs).toBe(1)
    expect(await bench.ending(id)).toEqual(revoked)
  })

  test('that is acknowledged before its run does not run either', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    let runs = 0
    bench.app.task('early', { acksLate: false }, () => void runs++)
    const made = await bench.worker()
    made.revoke('a')
    await bench.publish({ task: 'early', id: 'a' })
    await clock.play(0)
    expect(runs).toBe(0)
    expect(bench.happened).toEqual(['put REVOKED', 'ack early'])
  })

  test('is remembered while the worker is stopped and started again', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { begun } = waiting(bench)
    const made = await bench.worker()
    await made.stop()
    made.revoke('a')
    await bench.publish({ task: 'wait', id: 'a' }, ['a'])
    await made.start()
    await clock.play(0)
    expect(begun).toEqual([])
    expect(made.revoked()).toEqual(['a'])
    expect(await bench.ending('a')).toEqual(revoked)
  })
})

describe('ids that are revoked', () => {
  test('are remembered until their task expires, or for three hours', () => {
    const clock = new VirtualClock()
    const ids = new Revoked(clock)
    ids.add('unknown')
    ids.add('soon', clock.now() + 1_000)
    ids.add('late', clock.now() + 86_400_000)
    expect(ids.ids()).toEqual(['unknown', 'soon', 'late'])
    clock.advance(1_000)
    expect([ids.has('unknown'), ids.has('soon'), ids.has('late')]).toEqual([true, false, true])
    clock.advance(10_800_000)
    expect([ids.has('unknown'), ids.has('late')]).toEqual([false, true])
    expect(ids.ids()).toEqual(['late'])
  })

  test('are 50,000 at most, of which the oldest go first', () => {
    const ids = new Revoked(new VirtualClock())
    for (let index = 0; index < 50_010; index++) ids.add(`${index}`)
    expect(ids.ids()).toHaveLength(50_000)
    expect([ids.has('9'), ids.has('10'), ids.has('50009')]).toEqual([false, true, true])
  })

  test('count anew when they are revoked again', () => {
    const clock = new VirtualClock()
    const ids = new Revoked(clock)
    ids.add('a')
    clock.advance(10_000_000)
    ids.add('a')
    clock.advance(10_000_000)
    expect(ids.has('a')).toBe(true)
  })
})
