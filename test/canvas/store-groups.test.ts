import { randomUUID } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import type { ChordPart, ResultGroups } from '../../src/backend/groups.ts'
import { storeGroups } from '../../src/canvas/store-groups.ts'
import { openStore } from '../../src/store/open.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

const HOUR = 3_600_000

const part = (id: string): ChordPart => ({ id, state: 'SUCCESS', result: { value: id } })

async function scene(): Promise<{ clock: VirtualClock; groups: () => ResultGroups }> {
  const clock = new VirtualClock()
  const store = openStore(`memory://${randomUUID()}`, { clock })
  await store.start()
  onTestFinished(() => store.stop())
  // Each is another process.
  return { clock, groups: () => storeGroups(store, { expiresMs: HOUR, types: 'typed', clock }) }
}

test('A chord whose parts come slowly is kept until results have expired without a new one', async () => {
  const { clock, groups } = await scene()
  const [one, other] = [groups(), groups()]
  await one.setChordSize('g', 6)
  for (const [at, worker] of [one, other, one, one, other].entries()) {
    clock.advance(0.8 * HOUR)
    expect((await worker.addPart('g', part(`m${at}`), at)).isComplete).toBe(false)
  }
  clock.advance(0.8 * HOUR)
  expect(await other.addPart('g', part('last'), 5)).toMatchObject({ isComplete: true })
})

test('A member that was added is waited for as long as parts come', async () => {
  const { clock, groups } = await scene()
  const one = groups()
  await one.setChordSize('g', 2)
  await one.addToChord('g', 'late')
  for (const [at, id] of ['a', 'b'].entries()) {
    clock.advance(0.8 * HOUR)
    expect((await one.addPart('g', part(id), at)).isComplete).toBe(false)
  }
  clock.advance(0.8 * HOUR)
  expect(await one.addPart('g', part('late'), undefined)).toMatchObject({ isComplete: true })
})
