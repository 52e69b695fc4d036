import { beforeEach, expect, test } from 'vitest'
import { nameOf } from '../../../src/broker/embedded/journal/chain.ts'
import { seededRandom } from '../../../src/testing/seeded.ts'
import { FakeFiles } from '../../../src/testing/simulator/fake-files.ts'
import { KeptEngine, turns } from './kept-engine.ts'

const SMALL = { segmentBytes: 4096 }
const LONG = { timeout: 60_000 }

let files: FakeFiles
beforeEach(() => {
  files = new FakeFiles()
})

function bytesOf(folder: FakeFiles): number {
  const journal = folder.list().filter((name) => name.startsWith('journal-'))
  return journal.reduce((sum, name) => sum + folder.read(name).length, 0)
}

test('a journal through which much passes stays as small as what is in it', async () => {
  const engine = new KeptEngine(files, SMALL)
  await engine.declare({ name: 'q' }, { name: 'kept' })
  await engine.publish('kept', 'stays for ever')
  for (let n = 0; n < 300; n++) {
    await engine.publish('q', `${n}`.padEnd(400, '.'))
    engine.get('q')?.ack()
    engine.server.results.put('newest', Buffer.alloc(300, `${n}`), 1e6, true)
    engine.server.results.delete('newest')
  }
  await engine.durable()
  expect(bytesOf(files)).toBeLessThan(6 * 4096)
  const next = new KeptEngine(files.afterKill(), { ...SMALL, seed: 2 })
  expect(next.texts('q')).toEqual([])
  expect(next.texts('kept')).toEqual(['stays for ever'])
})

test('a broker that is started again and again leaves few files', LONG, async () => {
  let folder = files
  for (let start = 0; start < 60; start++) {
    const engine = new KeptEngine(folder, { seed: start })
    if (start === 0) await engine.declare({ name: 'q' })
    await engine.publish('q', `${start}`)
    if (start % 3 === 0) await engine.server.stop()
    folder = folder.afterKill()
  }
  expect(folder.list().length).toBeLessThan(5)
  expect(new KeptEngine(folder, { seed: 60 }).texts('q')).toHaveLength(60)
})

test('at every step of a compaction everything is somewhere, whether the process ends or the power', LONG, async () => {
  const engine = new KeptEngine(files, SMALL)
  await engine.declare({ name: 'q' })
  const random = seededRandom(5)
  const waiting: string[] = []
  let checks = 0
  files.onStep = () => {
    checks++
    for (const left of [files.afterKill(), files.afterPowerLoss(random), files.afterPowerLoss(random)]) {
      const texts = new KeptEngine(left, { ...SMALL, seed: 1000 + checks }).texts('q')
      // What was not confirmed may be there, and what was not acked for good may have come back.
      expect(waiting.filter((text) => !texts.includes(text))).toEqual([])
      expect(new Set(texts).size).toBe(texts.length)
    }
  }
  for (let n = 0; n < 80; n++) {
    const text = `${n}`.padEnd(250, '.')
    await engine.publish('q', text)
    waiting.push(text)
    if (n % 3 === 0) continue
    const delivery = engine.get('q')
    if (!delivery) continue
    waiting.shift()
    delivery.ack()
    // Every seventh stays in front and in the way of the oldest file.
    if (n % 7 === 0) {
      engine.get('q')?.requeue()
      await turns(1)
    }
  }
  files.onStep = undefined
  expect(checks).toBeGreaterThan(20)
  // There was something to be compacted, and it was.
  expect(files.list()).not.toContain(nameOf(1))
})

test('an owner who does not know that he was deposed writes nothing that a later one believes', async () => {
  const deposed = new KeptEngine(files, { ...SMALL, seed: 1 })
  await deposed.declare({ name: 'q' })
  await deposed.publish('q', 'before')
  const successor = new KeptEngine(files, { ...SMALL, seed: 2 })
  // Both write, which the lock makes impossible; the newer one so much that all older files are gone.
  await deposed.publish('q', 'too late')
  for (let n = 0; n < 60; n++) {
    await successor.publish('q', `${n}`.padEnd(250, '.'))
    successor.get('q')?.ack()
  }
  await successor.publish('q', 'after')
  const newest = files.list().toSorted().at(-2) as string
  expect(newest > nameOf(3)).toBe(true)
  for (let n = 0; n < 100; n++) void deposed.publish('q', `${n} too late`.padEnd(250, '.')).catch(() => {})
  await turns(10)
  const left = files.afterKill()
  const texts = new KeptEngine(left, { ...SMALL, seed: 3 }).texts('q')
  expect(texts.filter((text) => text.includes('too late'))).toEqual([])
  expect(texts.at(-1)).toBe('after')
})

test('an owner who meets the file of another one writes nothing more, and promises nothing more', async () => {
  const deposed = new KeptEngine(files, { ...SMALL, seed: 1 })
  await deposed.declare({ name: 'q' })
  const successor = new KeptEngine(files, { ...SMALL, seed: 2 })
  let confirmed = 0
  for (let n = 0; n < 100; n++) {
    void deposed.publish('q', `${n} too late`.padEnd(250, '.')).then(
      () => confirmed++,
      () => {},
    )
  }
  await turns(10)
  expect(deposed.failures).toHaveLength(1)
  expect(confirmed).toBe(0)
  await successor.publish('q', 'mine')
  expect(new KeptEngine(files.afterKill(), { ...SMALL, seed: 3 }).texts('q')).toEqual(['mine'])
})

test('a file is emptied some records at a time, and everything is somewhere all the while', LONG, async () => {
  const large = { segmentBytes: 256 * 1024 }
  const kept = Array.from({ length: 700 }, (_, n) => `kept ${n}`)
  const random = seededRandom(7)
  /** Sizes of what was written at once and is more than one message: copies. */
  const copied: number[] = []
  const create = files.create.bind(files)
  files.create = (name) => {
    const file = create(name)
    const write = (parts: readonly Uint8Array[], at: number): number => {
      const bytes = Buffer.concat(parts)
      const taken = file.write(parts, at)
      // Zeros are room for what comes.
      if (bytes.length > 2048 && name.startsWith('journal-') && bytes[0] !== 0) {
        copied.push(bytes.length)
        for (const left of [files.afterKill(), files.afterPowerLoss(random)]) {
          const next = new KeptEngine(left, { ...large, seed: 1000 + copied.length })
          expect(next.texts('kept')).toEqual(kept)
        }
      }
      return taken
    }
    return { ...file, write }
  }
  const engine = new KeptEngine(files, large)
  await engine.declare({ name: 'q' }, { name: 'kept' })
  for (const text of kept) await engine.publish('kept', text)
  for (let n = 0; n < 4000 && files.list().includes(nameOf(1)); n++) {
    await engine.publish('q', `${n}`.padEnd(400, '.'))
    engine.get('q')?.ack()
  }
  await turns()
  expect(files.list()).not.toContain(nameOf(1))
  expect(copied.length).toBeGreaterThan(2)
  expect(Math.max(...copied)).toBeLessThan(64 * 1024)
  expect(new KeptEngine(files.afterKill(), { ...large, seed: 2 }).texts('kept')).toEqual(kept)
})
