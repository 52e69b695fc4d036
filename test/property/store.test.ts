import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Tables } from '../../src/broker/embedded/tables/tables.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { PaperLedger } from './paper-ledger.ts'
import { FAMILIES, jump, type Machine, play, restart, rewrite, run, step, wait } from './store-steps.ts'

const numRuns = 200

function paperMachine(clock: VirtualClock, written?: PaperLedger): Machine {
  const items = written?.read(clock) ?? []
  const ledger = new PaperLedger(clock, items)
  const tables = new Tables({ clock, ledger })
  tables.restore(items)
  return {
    tables,
    restart: (next) => paperMachine(next, ledger),
    rewrite: (choice) => ledger.rewrite(choice),
  }
}

describe.each(Object.entries({ ...FAMILIES, all: step }))(
  'the tables do what a plain model does: %s',
  (_name, step) => {
    test('whatever is asked, while time passes and the calendar jumps', async () => {
      const steps = run(step, wait, jump)
      await fc.assert(
        fc.asyncProperty(steps, async (all) => void (await play(all, paperMachine))),
        { numRuns },
      )
    })

    test('also when they are made again from what their ledger was told', async () => {
      const steps = run(step, wait, restart, rewrite)
      await fc.assert(
        fc.asyncProperty(steps, async (all) => void (await play(all, paperMachine))),
        { numRuns },
      )
    })
  },
)

test('when the time of everything has passed, nothing is left in memory', async () => {
  const { dues: _, ...mortal } = FAMILIES
  await fc.assert(
    fc.asyncProperty(run(fc.oneof(...Object.values(mortal)), wait), async (all) => {
      const { machine, clock } = await play(all, paperMachine)
      clock.advance(1001)
      expect([machine.tables.bytes, machine.tables.isUnused, clock.waiting]).toEqual([0, true, 0])
    }),
    { numRuns },
  )
})
