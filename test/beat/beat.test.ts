import { randomUUID } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { beat, type BeatOptions, crontab, type Entries, every, openLedger } from '../../src/beat/beat.ts'
import { type App, chain, chord, lovage } from '../../src/index.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { worker } from '../../src/worker/worker.ts'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** An application in memory on a clock of its own, with a worker, and what its tasks were called with. */
async function newShop(): Promise<{
  app: App
  clock: VirtualClock
  calls: unknown[][]
  shop: ReturnType<typeof tasksOf>
}> {
  const clock = new VirtualClock()
  const id = randomUUID()
  const app = lovage('shop', { broker: `memory://${id}`, store: `memory://${id}` }, { clock, env: {} })
  const calls: unknown[][] = []
  const shop = tasksOf(app, calls)
  const service = worker(app, {}, { clock })
  await service.start()
  ends.push(
    () => app.close(),
    async () => {
      const stopped = service.stop('cold')
      await clock.play(60_000)
      await stopped
    },
  )
  return { app, clock, calls, shop }
}

function tasksOf(app: App, calls: unknown[][]) {
  return {
    add: app.task('shop.add', (x: number, y: number) => {
      calls.push([x, y])
      return x + y
    }),
    sum: app.task('shop.sum', (all: number[]) => {
      calls.push([all])
      return all.length
    }),
  }
}

async function startBeat(app: App, clock: VirtualClock, entries: Entries, options?: BeatOptions) {
  const service = beat(app, entries, options, { clock })
  const started = service.start()
  await clock.play(10)
  await started
  ends.push(async () => {
    const stopped = service.stop()
    await clock.play(10)
    await stopped
  })
  return service
}

describe('a beat', () => {
  it('sends what is due when it is due', async () => {
    const { app, clock, calls, shop } = await newShop()
    const service = await startBeat(app, clock, {
      tick: every('15s', shop.add.s(1, 1)),
      nightly: crontab('30 2 * * *', shop.add.s(2, 2), { timezone: 'Europe/Berlin' }),
    })
    await clock.play(60_000)
    expect(calls).toEqual(Array.from({ length: 4 }, () => [1, 1]))
    await clock.play(3 * 3_600_000)
    expect(calls.filter(([x]) => x === 2)).toHaveLength(1)
    expect(service.counts().failed).toBe(0)
  })

  it('sends chains, groups and chords as well, with ids that follow from the tick', async () => {
    const { app, clock, calls, shop } = await newShop()
    await startBeat(app, clock, {
      canvas: every('1h', chord([shop.add.s(1, 2), chain(shop.add.s(3, 4), shop.add.s(5))], shop.sum.s())),
    })
    await clock.play(3_600_000)
    expect(calls.at(-1)).toEqual([[3, 12]])
    const ledger = await openLedger(app, { clock })
    const { state } = await ledger.find('canvas')
    expect(state.last?.id).toBe(ledger.idsOf('canvas', `0 ${state.last?.dueMs}`)())
  })
})
