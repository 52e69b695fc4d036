import { beforeEach, describe, expect, test } from 'vitest'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { FakeFiles } from '../../../src/testing/simulator/fake-files.ts'
import { FIRST, numbered } from './filled-journal.ts'
import { KeptEngine, turns } from './kept-engine.ts'

let files: FakeFiles
beforeEach(() => {
  files = new FakeFiles()
})

describe('a journal', () => {
  test('brings back queues, messages, their order and their properties', async () => {
    const engine = new KeptEngine(files)
    await engine.declare({ name: 'q', maxPriority: 5 }, { name: 'other' })
    await engine.publish('q', 'plain')
    await engine.publish('q', 'urgent', { priority: 3, headers: { id: 'x', n: 2n ** 60n }, correlationId: 'c' })
    await engine.publish('other', 'transient', { deliveryMode: 1 })
    await engine.publish('other', 'kept')
    const next = new KeptEngine(files.afterKill())
    expect(next.get('q')?.message).toMatchObject({ priority: 3, headers: { id: 'x', n: 2n ** 60n } })
    expect(next.texts('q')).toEqual(['plain'])
    expect(next.texts('other')).toEqual(['kept'])
    // The priority of the queue is still declared.
    expect(() => next.declare({ name: 'q' })).toThrow(expect.objectContaining({ code: 'TOPOLOGY_MISMATCH' }))
  })

  test('says of a message that was in somebody’s hands that it is redelivered, and of others not', async () => {
    const engine = new KeptEngine(files)
    await engine.declare({ name: 'q' })
    for (const text of ['done', 'held', 'waiting']) await engine.publish('q', text)
    engine.get('q')?.ack()
    engine.get('q')
    await turns()
    const next = new KeptEngine(files.afterKill())
    expect([next.get('q'), next.get('q'), next.get('q')].map((delivery) => delivery?.redelivered)).toEqual([
      true,
      false,
      undefined,
    ])
  })

  test('forgets what was acked, purged, deleted and has run out', async () => {
    const engine = new KeptEngine(files)
    await engine.declare({ name: 'acked' }, { name: 'purged' }, { name: 'deleted' }, { name: 'aged', messageTtlMs: 50 })
    for (const queue of ['acked', 'purged', 'deleted', 'aged']) await engine.publish(queue, 'x')
    engine.get('acked')?.ack()
    engine.server.engine.purge('purged', engine.session)
    engine.server.engine.deleteQueue('deleted')
    engine.clock.advance(60)
    await engine.durable()
    const next = new KeptEngine(files.afterKill())
    for (const queue of ['acked', 'purged', 'aged']) expect(next.texts(queue)).toEqual([])
    expect(next.server.engine.depth('deleted')).toBeUndefined()
  })

  test('counts the age of a message across restarts', async () => {
    const engine = new KeptEngine(files)
    await engine.declare({ name: 'q' })
    await engine.publish('q', 'x', { expirationMs: 1000 })
    engine.clock.advance(600)
    const startMs = engine.clock.now()
    const later = new VirtualClock({ startMs: startMs })
    const next = new KeptEngine(files.afterKill(), { clock: later })
    later.advance(300)
    expect(next.server.engine.depth('q')?.messages).toBe(1)
    later.advance(200)
    expect(next.server.engine.depth('q')?.messages).toBe(0)
  })

  test('keeps results until their time has passed, the last word of each', async () => {
    const engine = new KeptEngine(files)
    const { results } = engine.server
    results.put('short', Buffer.from('a'), 1000, true)
    results.put('long', Buffer.from('b'), 100_000, true)
    results.put('dropped', Buffer.from('c'), 100_000, true)
    results.put('progress', Buffer.from('d'), 100_000, false)
    results.delete('dropped')
    await engine.durable()
    const clock = new VirtualClock({ startMs: engine.clock.now() + 2000 })
    const next = new KeptEngine(files.afterKill(), { clock })
    expect(
      ['short', 'long', 'dropped', 'progress'].map((key) => next.server.results.get(key)?.value.toString()),
    ).toEqual([undefined, 'b', undefined, undefined])
    clock.advance(100_000)
    expect(next.server.results.get('long')).toBeUndefined()
  })

  test('confirms nothing before the disk has it', async () => {
    const engine = new KeptEngine(files)
    await engine.declare({ name: 'q' })
    files.held = []
    let confirmed = 0
    const sent = Promise.all(numbered(20).map((text) => engine.publish('q', text).then(() => confirmed++)))
    await turns(10)
    expect(confirmed).toBe(0)
    const before = files.syncs
    files.release()
    await sent
    // One for all of them.
    expect(files.syncs - before).toBeLessThan(3)
  })

  test('that waits for no disk outlives the process all the same, and damage costs it one record', async () => {
    const engine = new KeptEngine(files, { sync: false })
    await engine.declare({ name: 'q' })
    for (const text of numbered(10)) await engine.publish('q', text)
    expect(files.syncs).toBe(0)
    const killed = files.afterKill()
    const middle = killed.read(FIRST).indexOf('message 4')
    killed.change(FIRST, (bytes) => void (bytes[middle] = 0))
    expect(new KeptEngine(files.afterKill(), { sync: false }).texts('q')).toEqual(numbered(10))
    expect(new KeptEngine(killed, { sync: false }).texts('q')).toEqual(
      numbered(10).filter((text) => !text.endsWith('4')),
    )
  })

  test('promises nothing any more when the disk cannot make it durable', async () => {
    const engine = new KeptEngine(files)
    await engine.declare({ name: 'q' })
    files.syncError = new Error('EIO')
    let isConfirmed = false
    void engine.publish('q', 'x').then(() => (isConfirmed = true))
    await turns(10)
    expect(engine.failures).toEqual([files.syncError])
    files.syncError = undefined
    void engine.publish('q', 'y').then(
      () => (isConfirmed = true),
      () => {},
    )
    await turns(10)
    expect(isConfirmed).toBe(false)
  })
})
