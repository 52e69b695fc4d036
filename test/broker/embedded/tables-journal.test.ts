import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Answer, Operation, OperationName } from '../../../src/broker/embedded/tables/operation.ts'
import { seededRandom } from '../../../src/testing/seeded.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { type Machine, play, restart, run, step, wait } from '../../property/store-steps.ts'
import { FakeFiles } from '../../../src/testing/simulator/fake-files.ts'
import { KeptEngine, turns } from './kept-engine.ts'

const ttlMs = 60_000

/** Takes a step as a client of the owner does; resolves when it is answered. */
function ask<Name extends OperationName>(engine: KeptEngine, operation: Operation<Name>): Promise<Answer<Name>> {
  const answer = engine.server.tables.apply(operation)
  return new Promise((resolve) => engine.server.whenWritten(() => resolve(answer)))
}

function journalMachine(clock: VirtualClock, files = new FakeFiles()): Machine {
  const engine = new KeptEngine(files, { clock })
  return {
    tables: engine.server.tables,
    async restart(next) {
      await new Promise<void>((resolve) => engine.server.whenWritten(resolve))
      return journalMachine(next, files.afterKill())
    },
    rewrite: () => {},
  }
}

describe('tables in a journal', () => {
  test('come back as they were, however often their owner is killed', async () => {
    const steps = run(step, wait, restart)
    await fc.assert(
      fc.asyncProperty(steps, async (all) => void (await play(all, (clock) => journalMachine(clock)))),
      { numRuns: 40 },
    )
  })

  test('keep whatever was answered when the power is lost at any instant', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = seededRandom(seed)
      const files = new FakeFiles()
      const clock = new VirtualClock({ seed })
      const engine = new KeptEngine(files, { clock })
      const answered = new Map<string, number>()
      let counted = 0
      const cut = Math.floor(random() * 40)
      for (let nth = 0; nth < 40; nth++) {
        if (nth === cut) files.held = []
        const key = `k:${nth % 5}`
        void ask(engine, { op: 'set', key, value: `${nth}`, ttlMs }).then(() => answered.set(key, nth))
        void ask(engine, { op: 'count', key: 'k:n', by: 1, ttlMs, renew: false, member: `${nth}` }).then(
          () => counted++,
        )
        if (random() < 0.5) await turns(1)
      }
      const after = new KeptEngine(files.afterPowerLoss(random), {
        clock: new VirtualClock({ startMs: clock.now(), seed }),
      })
      const { tables } = after.server
      for (const [key, nth] of answered) {
        expect(Number(tables.apply({ op: 'get', key })?.value), `seed ${seed}`).toBeGreaterThanOrEqual(nth)
      }
      const { value } = tables.apply({ op: 'count', key: 'k:n', by: 0, ttlMs, renew: false })
      expect(value, `seed ${seed}`).toBeGreaterThanOrEqual(counted)
      // A member and its effect are there together, or neither is.
      const again = Array.from({ length: 40 }, (_, nth) =>
        tables.apply({ op: 'count', key: 'k:n', by: 1, ttlMs, renew: false, member: `${nth}` }),
      )
      expect(again.at(-1)?.value, `seed ${seed}`).toBe(40)
    }
  })

  test('answer nothing before it is durable, not even what was only read', async () => {
    const files = new FakeFiles()
    const engine = new KeptEngine(files)
    await ask(engine, { op: 'set', key: 'k:a', value: 'old', ttlMs })
    files.held = []
    const told: string[] = []
    void ask(engine, { op: 'set', key: 'k:a', value: 'new', ttlMs }).then(() => told.push('set'))
    void ask(engine, { op: 'get', key: 'k:a' }).then((kept) => told.push(`got ${String(kept?.value)}`))
    await turns(5)
    expect(told).toEqual([])
    files.release()
    await turns(5)
    expect(told).toEqual(['set', 'got new'])
  })

  test('count what a lease and a claim have left by the calendar, and give neither more than it had', async () => {
    const files = new FakeFiles()
    const clock = new VirtualClock()
    const engine = new KeptEngine(files, { clock })
    const { token } = await ask(engine, { op: 'lease', key: 'k:lease', holder: 'h', ttlMs: 10_000, slots: 1 })
    await ask(engine, { op: 'put', key: 'k:due', id: 'a', atMs: 0, value: 'x' })
    await ask(engine, { op: 'take', key: 'k:due', claimMs: 10_000, limit: 1 })
    const killed = files.afterKill()
    const later = (afterMs: number): KeptEngine => {
      const copy = killed.afterKill()
      return new KeptEngine(copy, { clock: new VirtualClock({ startMs: clock.now() + afterMs }) })
    }
    const free = ({ server }: KeptEngine): boolean[] => [
      server.tables.apply({ op: 'lease', key: 'k:lease', holder: 'other', ttlMs: 1, slots: 1 }).token > 0,
      server.tables.apply({ op: 'take', key: 'k:due', claimMs: 1, limit: 1 }).entries.length > 0,
    ]
    expect(free(later(9_999))).toEqual([false, false])
    expect(free(later(10_000))).toEqual([true, true])
    // The calendar was set back by an hour meanwhile.
    const back = later(-3_600_000)
    expect(free(back)).toEqual([false, false])
    expect(back.server.tables.apply({ op: 'renew', key: 'k:lease', holder: 'h', token, ttlMs: 10_000 })).toBe(true)
    back.clock.advance(10_000)
    expect(free(back)).toEqual([true, true])
  })

  test('are written down again when the files they lie in are cleaned away', async () => {
    const files = new FakeFiles()
    const clock = new VirtualClock()
    const engine = new KeptEngine(files, { clock })
    await ask(engine, { op: 'append', key: 'k:log', value: 'first', ttlMs, maxEntries: 100 })
    await ask(engine, { op: 'count', key: 'k:count', by: 7, ttlMs, renew: false, member: 'm' })
    await ask(engine, { op: 'put', key: 'k:due', id: 'a', atMs: 0, value: 'x' })
    await ask(engine, { op: 'take', key: 'k:due', claimMs: ttlMs, limit: 1 })
    const { token } = await ask(engine, { op: 'lease', key: 'k:lease', holder: 'h', ttlMs, slots: 1 })
    for (let nth = 0; nth < 40; nth++) {
      await ask(engine, { op: 'set', key: 'k:value', value: `${nth}`.repeat(500_000), ttlMs })
    }
    await ask(engine, { op: 'append', key: 'k:log', value: 'last', ttlMs, maxEntries: 100 })
    const bytes = [...files.names.values()].reduce((sum, { content }) => sum + content.length, 0)
    expect(bytes).toBeLessThan(32 * 2 ** 20)
    const { tables } = new KeptEngine(files.afterKill(), { clock: new VirtualClock({ startMs: clock.now() }) }).server
    const { entries } = tables.apply({ op: 'read', key: 'k:log', after: 0, limit: 10 })
    expect(entries.map(({ value }) => value)).toEqual(['first', 'last'])
    expect(tables.apply({ op: 'count', key: 'k:count', by: 1, ttlMs, renew: false, member: 'm' })).toMatchObject({
      value: 7,
      isCounted: false,
    })
    expect(tables.apply({ op: 'take', key: 'k:due', claimMs: 1, limit: 1 }).entries).toEqual([])
    expect(tables.apply({ op: 'list', key: 'k:due', limit: 1 })[0]).toMatchObject({ id: 'a', value: 'x', takes: 1 })
    expect(tables.apply({ op: 'renew', key: 'k:lease', holder: 'h', token, ttlMs })).toBe(true)
    expect(String(tables.apply({ op: 'get', key: 'k:value' })?.value).slice(0, 4)).toBe('3939')
  })

  test('give no number twice, not even when all that had one is gone', async () => {
    const files = new FakeFiles()
    const engine = new KeptEngine(files)
    const { token } = await ask(engine, { op: 'lease', key: 'k:lease', holder: 'h', ttlMs, slots: 1 })
    await ask(engine, { op: 'release', key: 'k:lease', holder: 'h', token })
    let last = token
    let disk = files
    for (let round = 0; round < 4; round++) {
      const next = new KeptEngine((disk = disk.afterKill()), { seed: round + 2 })
      const again = await ask(next, { op: 'lease', key: 'k:lease', holder: 'h', ttlMs, slots: 1 })
      expect(again.token).toBeGreaterThan(last)
      last = again.token
      await ask(next, { op: 'release', key: 'k:lease', holder: 'h', token: last })
    }
  })

  test('with a full disk refuse what is new; what makes room is answered when there is some', async () => {
    const files = new FakeFiles()
    const engine = new KeptEngine(files)
    await engine.declare({ name: 'q' })
    const { token } = await ask(engine, { op: 'lease', key: 'k:lease', holder: 'h', ttlMs, slots: 1 })
    files.room = 0
    // Until nothing is left of what was put aside.
    const sets: Promise<unknown>[] = []
    for (let nth = 0; engine.server.hasRoom(1000); nth++) {
      sets.push(ask(engine, { op: 'set', key: `k:${nth}`, value: 'x'.repeat(50_000), ttlMs }))
      await turns(2)
    }
    expect(sets.length).toBeGreaterThan(0)
    expect(sets.length).toBeLessThan(1000)
    const told: unknown[] = []
    void ask(engine, { op: 'release', key: 'k:lease', holder: 'h', token }).then((is) => told.push(is))
    await turns(5)
    files.room = Infinity
    engine.clock.advance(1000)
    await turns(5)
    expect(told).toEqual([true])
    await Promise.all(sets)
    expect(engine.server.hasRoom(1000)).toBe(true)
    const { tables } = new KeptEngine(files.afterKill()).server
    expect(tables.apply({ op: 'lease', key: 'k:lease', holder: 'other', ttlMs, slots: 1 }).token).toBeGreaterThan(token)
  })
})
