import { beforeEach, describe, expect, test } from 'vitest'
import { nameOf } from '../../../src/broker/embedded/journal/chain.ts'
import { HEADER_BYTES } from '../../../src/broker/embedded/journal/segment-header.ts'
import type { LogRecord } from '../../../src/base/log.ts'
import { onLog } from '../../../src/base/log.ts'
import { seededRandom } from '../../../src/testing/seeded.ts'
import { FakeFiles } from './fake-files.ts'
import { KeptEngine, turns } from './kept-engine.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'

const FIRST = nameOf(1)
/** All is in one file of this size: larger ones only take time. */
const SMALL = { segmentBytes: 32 * 1024 }
const LONG = { timeout: 60_000 }

let files: FakeFiles
let logged: LogRecord[]
beforeEach(() => {
  files = new FakeFiles()
  logged = []
  return onLog((record) => logged.push(record))
})

function numbered(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, n) => `message ${from + n}`)
}

/** An engine with a queue `q` and so many messages in it, confirmed one after the other; the folder when it is killed. */
async function filled(count: number): Promise<FakeFiles> {
  const engine = new KeptEngine(files, SMALL)
  await engine.declare({ name: 'q' })
  for (const text of numbered(count)) await engine.publish('q', text)
  return files.afterKill()
}

/** The end of what was written, without the room made ahead. */
function writtenIn(killed: FakeFiles, name = FIRST): number {
  const bytes = killed.read(name)
  return bytes.findLastIndex((byte) => byte !== 0) + 1
}

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

describe('a torn journal', () => {
  test('cut at every byte of its last records is whole up to there', LONG, async () => {
    const killed = await filled(12)
    const end = writtenIn(killed)
    const whole = killed.read(FIRST)
    const found = new Set<number>()
    for (let cut = end - 250; cut <= end; cut++) {
      for (const rest of [Buffer.alloc(0), Buffer.alloc(4096)]) {
        const after = new FakeFiles()
        after.create(FIRST).write([whole.subarray(0, cut), rest], 0)
        const engine = new KeptEngine(after, SMALL)
        const texts = engine.server.engine.depth('q') ? engine.texts('q') : []
        expect(texts).toEqual(numbered(texts.length))
        found.add(texts.length)
      }
    }
    expect(Math.min(...found)).toBeLessThan(10)
    expect(Math.max(...found)).toBe(12)
    expect(logged).toEqual([])
  })

  test('goes on behind the cut, and neither the torn record nor its like is believed then', async () => {
    const killed = await filled(3)
    const end = writtenIn(killed)
    killed.change(FIRST, (bytes) => bytes.subarray(0, end - 25))
    const engine = new KeptEngine(killed, { seed: 2 })
    await engine.publish('q', 'new')
    const next = new KeptEngine(killed.afterKill(), { seed: 3 })
    const texts = next.texts('q')
    expect(texts.at(-1)).toBe('new')
    expect(texts.slice(0, -1)).toEqual(numbered(texts.length - 1))
  })

  test('is not believed behind the tear, where whole records may stand on what is lost', async () => {
    const engine = new KeptEngine(files)
    await engine.declare({ name: 'q' })
    await engine.publish('q', 'durable')
    files.held = []
    const from = writtenIn(files)
    void engine.publish('q', 'torn')
    await turns()
    const to = writtenIn(files)
    void engine.publish('q', 'behind it')
    await turns()
    const killed = files.afterKill()
    expect(writtenIn(killed)).toBeGreaterThan(to)
    killed.change(FIRST, (bytes) => void bytes.fill(0, from + 5, from + 20))
    expect(new KeptEngine(killed).texts('q')).toEqual(['durable'])
    expect(logged).toEqual([])
  })
})

describe('a damaged journal', () => {
  test(
    'with any byte flipped, seeded, believes nothing that was not written and loses one record at most',
    LONG,
    async () => {
      const killed = await filled(40)
      const end = writtenIn(killed)
      const random = seededRandom(7)
      for (let round = 0; round < 250; round++) {
        const after = killed.afterKill()
        const at = HEADER_BYTES + Math.floor(random() * (end - HEADER_BYTES))
        after.change(FIRST, (bytes) => void (bytes[at] = (bytes[at] as number) ^ (1 << Math.floor(random() * 8))))
        const texts = new KeptEngine(after, SMALL).texts('q')
        const all = numbered(40)
        expect(texts).toEqual(all.filter((text) => texts.includes(text)))
        expect([at, texts.length >= 39]).toEqual([at, true])
      }
      expect(logged.some(({ message }) => message.includes('damaged'))).toBe(true)
    },
  )

  test('in which many bytes were flipped believes nothing that was not written', LONG, async () => {
    const killed = await filled(40)
    const end = writtenIn(killed)
    const random = seededRandom(11)
    for (let round = 0; round < 200; round++) {
      const after = killed.afterKill()
      after.change(FIRST, (bytes) => {
        for (let flips = 1 + Math.floor(random() * 60); flips > 0; flips--) {
          bytes[Math.floor(random() * end)] = Math.floor(random() * 256)
        }
      })
      const engine = new KeptEngine(after, SMALL)
      const texts = engine.server.engine.depth('q') ? engine.texts('q') : []
      expect(texts).toEqual(numbered(40).filter((text) => texts.includes(text)))
    }
  })

  test('that lost the record of a queue keeps its messages, and from then on the queue as it is', async () => {
    const killed = await filled(3)
    killed.change(FIRST, (bytes) => void bytes.fill(0xee, HEADER_BYTES, HEADER_BYTES + 12))
    const engine = new KeptEngine(killed, { seed: 2 })
    expect(engine.server.engine.depth('q')?.messages).toBe(3)
    await engine.durable()
    logged.length = 0
    const after = killed.afterKill()
    const next = new KeptEngine(after, { seed: 3 })
    expect(next.texts('q')).toEqual(numbered(3))
    expect(logged.filter(({ message }) => message.includes('properties'))).toEqual([])
    next.server.engine.deleteQueue('q')
    await next.durable()
    expect(new KeptEngine(after.afterKill(), { seed: 4 }).server.engine.depth('q')).toBeUndefined()
  })

  test('of which one header is unreadable is read all the same, and both are needed to lose it', async () => {
    const killed = await filled(3)
    for (const copy of [0, HEADER_BYTES / 2]) {
      const after = killed.afterKill()
      after.change(FIRST, (bytes) => void bytes.fill(0xee, copy, copy + HEADER_BYTES / 2))
      expect(new KeptEngine(after).texts('q')).toEqual(numbered(3))
    }
    killed.change(FIRST, (bytes) => void bytes.fill(0xee, 0, HEADER_BYTES))
    const engine = new KeptEngine(killed)
    expect(engine.server.engine.depth('q')).toBeUndefined()
    // Not thrown away: somebody may want to look.
    expect(killed.list()).toContain(`aside-1-${FIRST}`)
    expect(logged.some(({ level }) => level === 'error')).toBe(true)
  })

  test('whose older file lost its header is read by what the newer says of it', async () => {
    const killed = await filled(3)
    const later = new KeptEngine(killed, { seed: 2 })
    const after = killed.afterKill()
    expect(after.list()).toContain(nameOf(2))
    after.change(FIRST, (bytes) => void bytes.fill(0xee, 0, HEADER_BYTES))
    expect(new KeptEngine(after, { seed: 3 }).texts('q')).toEqual(numbered(3))
    expect(later.failures).toEqual([])
  })

  test('of a version to come is refused by name, and nothing of it is touched', async () => {
    const killed = await filled(3)
    const { crc32 } = await import('node:zlib')
    killed.change(FIRST, (bytes) => {
      bytes.writeUInt32LE(2, 8)
      bytes.writeUInt32LE(crc32(bytes.subarray(0, 12)), 12)
    })
    killed.create(nameOf(2)).write([Buffer.from('of some other form')], 0)
    const [names, bytes] = [killed.list(), killed.read(FIRST)]
    expect(() => new KeptEngine(killed)).toThrow(
      expect.objectContaining({ code: 'HOME_UNUSABLE', message: expect.stringContaining('version 2') }),
    )
    expect(killed.list()).toEqual(names)
    expect(killed.read(FIRST).equals(bytes)).toBe(true)
  })
})
