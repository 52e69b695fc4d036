import { crc32 } from 'node:zlib'
import { beforeEach, describe, expect, test } from 'vitest'
import { type LogRecord, onLog } from '../../../src/base/log.ts'
import { nameOf } from '../../../src/broker/embedded/journal/chain.ts'
import { HEADER_BYTES } from '../../../src/broker/embedded/journal/segment-header.ts'
import { seededRandom } from '../../../src/testing/seeded.ts'
import { FakeFiles } from '../../../src/testing/simulator/fake-files.ts'
import { filled, FIRST, numbered, SMALL, writtenIn } from './filled-journal.ts'
import { KeptEngine, turns } from './kept-engine.ts'

const LONG = { timeout: 60_000 }

let files: FakeFiles
let logged: LogRecord[]
beforeEach(() => {
  files = new FakeFiles()
  logged = []
  return onLog((record) => logged.push(record))
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
