import { beforeEach, expect, test } from 'vitest'
import { onLog, type LogRecord } from '../../../src/base/log.ts'
import { FakeFiles } from '../../../src/testing/simulator/fake-files.ts'
import { KeptEngine, turns } from './kept-engine.ts'

const KiB = 1024
const MiB = KiB * KiB
const SMALL = { segmentBytes: 64 * KiB }

let files: FakeFiles
let logged: LogRecord[]
beforeEach(() => {
  files = new FakeFiles()
  logged = []
  return onLog((record) => logged.push(record))
})

function said(words: string): number {
  return logged.filter(({ message }) => message.includes(words)).length
}

/** An engine whose disk is full; the texts that it has confirmed. */
async function full(): Promise<{ engine: KeptEngine; texts: string[] }> {
  files.room = 2 * MiB
  const engine = new KeptEngine(files, SMALL)
  await engine.declare({ name: 'q' })
  const texts: string[] = []
  for (;;) {
    const text = `${texts.length}`.padEnd(10 * KiB, '.')
    try {
      await engine.publish('q', text)
    } catch (error) {
      expect(error).toMatchObject({ code: 'PUBLISH_REFUSED', message: expect.stringContaining('disk') })
      return { engine, texts }
    }
    texts.push(text)
  }
}

test('with a full disk new messages are refused by name, and it is said once', async () => {
  const { engine, texts } = await full()
  expect(texts.length).toBeGreaterThan(50)
  for (let n = 0; n < 20; n++) await expect(engine.publish('q', 'x')).rejects.toMatchObject({ code: 'PUBLISH_REFUSED' })
  expect(said('the disk is full')).toBe(1)
  // What needs no disk goes on.
  await engine.publish('q', 'transient', { deliveryMode: 1 })
  expect(engine.texts('q')).toEqual([...texts, 'transient'])
})

test('with a full disk acknowledgements and results are kept in the room that was put aside', async () => {
  const { engine, texts } = await full()
  for (let n = 0; n < 10; n++) engine.get('q')?.ack()
  engine.server.results.put('task', Buffer.from('done'), 1e6, true)
  await engine.durable()
  const after = files.afterKill()
  after.room = Infinity
  const next = new KeptEngine(after, { ...SMALL, seed: 2 })
  expect(next.texts('q')).toEqual(texts.slice(10))
  expect(next.server.results.get('task')?.value.toString()).toBe('done')
})

test('what is acked makes room, and then new messages are taken again', async () => {
  const { engine, texts } = await full()
  for (const _ of texts) engine.get('q')?.ack()
  await engine.durable()
  engine.clock.advance(1000)
  await turns()
  engine.clock.advance(1000)
  await engine.publish('q', 'fits again')
  expect(said('the disk has room again')).toBe(1)
  const next = new KeptEngine(files.afterKill(), { ...SMALL, seed: 2 })
  expect(next.texts('q')).toEqual(['fits again'])
})

test('when somebody else makes room new messages are taken again', async () => {
  const { engine, texts } = await full()
  files.room += 3 * MiB
  engine.clock.advance(1000)
  await engine.publish('q', 'fits again')
  expect(new KeptEngine(files.afterKill(), { ...SMALL, seed: 2 }).texts('q')).toEqual([...texts, 'fits again'])
})

test('with no room at all the work goes on, and is written down in its order when there is some', async () => {
  const { engine, texts } = await full()
  // More results than the room that was put aside takes.
  for (let n = 0; n < 40; n++) {
    engine.get('q')?.ack()
    engine.server.results.put(`task ${n}`, Buffer.alloc(20 * KiB, 'x'), 1e6, true)
    await engine.durable()
  }
  expect(engine.server.results.get('task 39')?.value.length).toBe(20 * KiB)
  // Killed now, there is no task of which the message is gone and the result is not there.
  const killed = files.afterKill()
  killed.room = Infinity
  const next = new KeptEngine(killed, { ...SMALL, seed: 2 })
  const left = next.texts('q').length
  const results = Array.from({ length: 40 }, (_, n) => next.server.results.get(`task ${n}`)).filter(Boolean).length
  expect(left + results).toBeGreaterThanOrEqual(texts.length)
  // With room again all of it is written.
  files.room = Infinity
  engine.clock.advance(1000)
  await turns()
  await engine.durable()
  const after = new KeptEngine(files.afterKill(), { ...SMALL, seed: 3 })
  expect(after.texts('q')).toEqual(texts.slice(40))
  expect(after.server.results.get('task 39')?.value.length).toBe(20 * KiB)
})

test('an owner that comes when the disk is full hands out what is there, and writes as soon as there is room', async () => {
  const { texts } = await full()
  const killed = files.afterKill()
  killed.remove('reserve')
  killed.room = 0
  const next = new KeptEngine(killed, { ...SMALL, seed: 2 })
  await expect(next.publish('q', 'x')).rejects.toMatchObject({ code: 'PUBLISH_REFUSED' })
  next.get('q')?.ack()
  await next.durable()
  killed.room = 3 * MiB
  next.clock.advance(1000)
  await turns()
  await next.publish('q', 'new')
  expect(new KeptEngine(killed.afterKill(), { ...SMALL, seed: 3 }).texts('q')).toEqual([...texts.slice(1), 'new'])
})

test('nothing is piled up in memory or on the disk while it is full', async () => {
  const { engine } = await full()
  const before = [...files.names.values()].reduce((sum, { content }) => sum + content.length, 0)
  for (let n = 0; n < 200; n++) await engine.publish('q', 'x'.repeat(10 * KiB)).catch(() => {})
  engine.clock.advance(5000)
  await turns()
  const after = [...files.names.values()].reduce((sum, { content }) => sum + content.length, 0)
  expect(after).toBeLessThanOrEqual(before + 64 * KiB)
})
