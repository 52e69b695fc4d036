import { beforeEach, describe, expect, test } from 'vitest'
import { FakeFiles } from '../../../src/testing/simulator/fake-files.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { KeptEngine, turns } from './kept-engine.ts'

const HOUR_MS = 3_600_000

let files: FakeFiles
beforeEach(() => {
  files = new FakeFiles()
})

/** The engine after its process was killed, on the next one's clock. */
function afterKill(engine: KeptEngine, laterMs = 0): KeptEngine {
  const clock = new VirtualClock({ startMs: engine.clock.now() + laterMs })
  files = files.afterKill()
  return new KeptEngine(files, { clock })
}

function waiting(engine: KeptEngine, queue: string): string[] {
  return engine.server.engine.delayed.list(queue, 100).map(({ message }) => Buffer.from(message.body).toString())
}

describe('messages that wait for their time in a journal', () => {
  test('outlive their process, and come when they are due', async () => {
    const engine = new KeptEngine(files)
    await engine.declare({ name: 'q' })
    const atMs = engine.clock.now() + HOUR_MS
    await engine.publish('q', 'later', { headers: { id: 'x' } }, atMs)
    await engine.publish('q', 'sooner', {}, atMs - 1000)
    const next = afterKill(engine, HOUR_MS / 2)
    expect(waiting(next, 'q')).toEqual(['sooner', 'later'])
    next.clock.advance(HOUR_MS / 2 - 1001)
    expect(next.server.engine.depth('q')).toMatchObject({ messages: 0, delayed: 2 })
    next.clock.advance(2)
    expect(next.texts('q')).toEqual(['sooner'])
    next.clock.advance(1000)
    expect(next.get('q')).toMatchObject({ redelivered: false, message: { headers: { id: 'x' } } })
  })

  test('come at once when they were due while nobody was there', async () => {
    const engine = new KeptEngine(files)
    await engine.declare({ name: 'q' })
    await engine.publish('q', 'due', {}, engine.clock.now() + 1000)
    const next = afterKill(engine, 5000)
    expect(next.server.engine.depth('q')).toEqual({ queue: 'q', messages: 1, consumers: 0 })
    expect(next.texts('q')).toEqual(['due'])
  })

  test('are moved out of somebody’s hands in one step: killed at any time they are there once', async () => {
    const engine = new KeptEngine(files)
    await engine.declare({ name: 'q' })
    await engine.publish('q', 'far')
    const delivery = engine.get('q')
    if (!delivery) throw new Error('there is no message')
    expect(engine.session.settle(delivery, { untilMs: engine.clock.now() + HOUR_MS })).toBe(true)
    expect(delivery.ack()).toBe(false)
    const before = new KeptEngine(files.afterKill())
    expect(before.get('q')?.redelivered).toBe(false)
    await engine.durable()
    const next = afterKill(engine)
    expect(next.server.engine.depth('q')).toMatchObject({ messages: 0, delayed: 1 })
    next.clock.advance(HOUR_MS + 1)
    expect([next.get('q')?.redelivered, next.get('q')]).toEqual([false, undefined])
  })

  test('are redelivered after a kill once somebody had them, and gone once they were acknowledged', async () => {
    const engine = new KeptEngine(files)
    await engine.declare({ name: 'q' })
    for (const text of ['held', 'done']) await engine.publish('q', text, {}, engine.clock.now() + 1000)
    engine.clock.advance(1001)
    expect(engine.get('q')?.redelivered).toBe(false)
    engine.get('q')?.ack()
    await turns()
    const next = afterKill(engine)
    expect([next.get('q')?.redelivered, next.get('q')]).toEqual([true, undefined])
  })

  test('go with a purge of theirs, and with their queue', async () => {
    const engine = new KeptEngine(files)
    await engine.declare({ name: 'purged' }, { name: 'deleted' }, { name: 'kept' })
    for (const queue of ['purged', 'deleted', 'kept']) {
      await engine.publish(queue, queue, {}, engine.clock.now() + 1000)
    }
    expect(engine.server.engine.delayed.purge('purged')).toBe(1)
    engine.server.engine.deleteQueue('deleted')
    await engine.declare({ name: 'deleted' })
    const next = afterKill(engine, 2000)
    expect(['purged', 'deleted', 'kept'].flatMap((queue) => next.texts(queue))).toEqual(['kept'])
  })

  test('come by the calendar, within the hour after somebody has set it', async () => {
    const engine = new KeptEngine(files)
    await engine.declare({ name: 'q' })
    await engine.publish('q', 'tomorrow', {}, engine.clock.now() + 24 * HOUR_MS)
    engine.clock.jump(24 * HOUR_MS)
    engine.clock.advance(HOUR_MS + 1)
    expect(engine.texts('q')).toEqual(['tomorrow'])
    await engine.publish('q', 'in two hours', {}, engine.clock.now() + 2 * HOUR_MS)
    engine.clock.jump(-10 * HOUR_MS)
    engine.clock.advance(11 * HOUR_MS)
    expect(engine.texts('q')).toEqual([])
    engine.clock.advance(HOUR_MS + 1)
    expect(engine.texts('q')).toEqual(['in two hours'])
  })

  test('come to a full queue too: they were confirmed long ago', async () => {
    const engine = new KeptEngine(files)
    await engine.declare({ name: 'q', maxLength: 1, arguments: { 'x-overflow': 'reject-publish' } })
    await engine.publish('q', 'late', {}, engine.clock.now() + 1000)
    await engine.publish('q', 'full')
    engine.clock.advance(1001)
    await expect(engine.publish('q', 'refused')).rejects.toMatchObject({ code: 'PUBLISH_REFUSED' })
    expect(engine.texts('q')).toEqual(['full', 'late'])
  })

  test('count the age that their queue allows from when they came', async () => {
    const engine = new KeptEngine(files)
    await engine.declare({ name: 'q', messageTtlMs: 500 })
    await engine.publish('q', 'x', {}, engine.clock.now() + 1000)
    engine.clock.advance(1400)
    expect(engine.server.engine.depth('q')?.messages).toBe(1)
    engine.clock.advance(101)
    expect(engine.server.engine.depth('q')?.messages).toBe(0)
  })

  test('are cleaned up with everything else: the journal does not grow with what has come and gone', async () => {
    const engine = new KeptEngine(files, { segmentBytes: 64 * 1024 })
    await engine.declare({ name: 'q' })
    await engine.publish('q', 'far', {}, engine.clock.now() + 100 * HOUR_MS)
    for (let round = 0; round < 40; round++) {
      const atMs = engine.clock.now() + 1000
      await Promise.all(Array.from({ length: 50 }, () => engine.publish('q', 'x'.repeat(200), {}, atMs)))
      engine.clock.advance(1001)
      for (let delivery = engine.get('q'); delivery; delivery = engine.get('q')) delivery.ack()
      await engine.durable()
    }
    const next = afterKill(engine)
    expect([next.texts('q'), waiting(next, 'q')]).toEqual([[], ['far']])
    expect(files.list().length).toBeLessThan(8)
  })
})
