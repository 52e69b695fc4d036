import { nameOf } from '../../../src/broker/embedded/journal/chain.ts'
import { FakeFiles } from '../../../src/testing/simulator/fake-files.ts'
import { KeptEngine } from './kept-engine.ts'

/** The first file of a journal. */
export const FIRST = nameOf(1)

/** All is in one file of this size: larger ones only take time. */
export const SMALL = { segmentBytes: 32 * 1024 }

/** The texts of so many messages. */
export function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `message ${n}`)
}

/** An engine with a queue `q` and so many messages in it, confirmed one after the other; the folder when it is killed. */
export async function filled(count: number): Promise<FakeFiles> {
  const files = new FakeFiles()
  const engine = new KeptEngine(files, SMALL)
  await engine.declare({ name: 'q' })
  for (const text of numbered(count)) await engine.publish('q', text)
  return files.afterKill()
}

/** The end of what was written, without the room made ahead. */
export function writtenIn(killed: FakeFiles): number {
  return killed.read(FIRST).findLastIndex((byte) => byte !== 0) + 1
}
