import assert from 'node:assert/strict'
import { expect, test } from 'vitest'
import { type App, lovage, type Surroundings } from '../../src/index.ts'
import { sleep, simulate, type SimulatedWorld } from '../../src/testing/testing.ts'
import type { Clock } from '../../src/base/clock.ts'
import type { Lease } from '../../src/store/store.ts'

interface Made {
  readonly app: App
}

const ttlMs = 600_000
const DUES = 12
const ENTRIES = 15

/** What everybody in one world has done. */
class Deeds {
  readonly leases: Lease[] = []
  readonly done = new Map<string, number>()
  readonly heard: string[] = []
  leaders = 0
  isOver = false
  problem: unknown
}

/** Leads when it can, does what is due, until it dies or all is done. */
async function toil(app: App, clock: Clock, deeds: Deeds): Promise<void> {
  const store = await app.store()
  const dues = store.due('chaos:due')
  let lease: Lease | undefined
  while (!deeds.isOver) {
    if (!lease) {
      lease = (await store.lease('chaos:leader', { ttlMs: 4_000 })).lease
      if (lease) deeds.leases.push(lease)
      if (lease) deeds.leaders++
    } else if (!(await lease.renew())) lease = undefined
    if (lease?.isHeld) assert.equal(deeds.leases.filter(({ isHeld }) => isHeld).length, 1, 'two lead at a time')
    if (lease && deeds.leaders < 3) {
      await lease.release()
      lease = undefined
    }
    const { entries } = await dues.take({ claimMs: 5_000, limit: 2 })
    for (const { id, version } of entries) {
      deeds.done.set(id, (deeds.done.get(id) ?? 0) + 1)
      await dues.remove(id, { ifVersion: version })
    }
    await sleep(clock, 200)
  }
}

async function scenario(world: SimulatedWorld<Made>, deeds: Deeds): Promise<void> {
  const store = await world.client.app.store()
  const startMs = world.clock.now()
  const toiler = (name: string): void => {
    const peer = world.peer(name, true)
    toil(peer.made.app, peer.clock, deeds).catch((error: unknown) => (deeds.problem = error))
    // Whoever dies has a successor, as a supervisor gives it.
    void peer.gone.then(() => deeds.isOver || toiler(`${name}+`))
  }
  for (const name of ['a', 'b', 'c']) toiler(name)
  const end = await store.log('chaos:log').listen(({ entries, isGapped }) => {
    assert.equal(isGapped, false)
    deeds.heard.push(...entries.map(({ value }) => String(value)))
  })
  for (let nth = 0; nth < DUES; nth++) {
    await store.due('chaos:due').put(`${nth}`, { atMs: startMs + nth * 700, value: 'x' })
  }
  for (let nth = 0; nth < ENTRIES; nth++) {
    await store.log('chaos:log').append(`${nth}`, { ttlMs, maxEntries: 100 })
    await world.sleep(world.random() * 300)
  }
  const isDone = async (): Promise<boolean> =>
    deeds.leaders >= 3 && deeds.heard.length >= ENTRIES && (await store.due('chaos:due').list()).length === 0
  while (!deeds.problem && !(await isDone())) await world.sleep(500)
  deeds.isOver = true
  end()
  assert.equal(deeds.problem, undefined)
  assert.deepEqual(
    deeds.heard,
    Array.from({ length: ENTRIES }, (_, nth) => `${nth}`),
  )
  assert.equal(deeds.done.size, DUES)
  const tokens = deeds.leases.map(({ token }) => token)
  assert.equal(new Set(tokens).size, tokens.length)
}

test('shared state holds while processes die, stand still and are slow', async () => {
  let again = 0
  const { schedules } = await simulate<Made>({
    seed: 7,
    schedules: 60,
    brokers: ['memory'],
    app: (around: Required<Surroundings>) => ({ app: lovage('chaos', { broker: 'memory://chaos' }, around) }),
    scenario: async (world) => {
      const deeds = new Deeds()
      await scenario(world, deeds)
      again += [...deeds.done.values()].filter((times) => times > 1).length
    },
  })
  expect(schedules).toBe(60)
  // Who took something and then died or slept leaves it to another: without such a case nothing was shown.
  expect(again).toBeGreaterThan(0)
})
