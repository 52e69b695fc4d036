import { afterEach, describe, expect, it } from 'vitest'
import { beat, crontab, every, openLedger } from '../../src/beat/beat.ts'
import { readEntries, tellLedger } from '../../src/beat/prepare.ts'
import { chain, chord, lovage } from '../../src/index.ts'
import type { GivenSettings } from '../../src/index.ts'
import { Shop } from './shop.ts'

const HOUR = 3_600_000

const open: Shop[] = []
afterEach(async () => {
  for (const shop of open.splice(0)) await shop.end()
})

async function newShop(settings?: GivenSettings): Promise<Shop> {
  const shop = new Shop(settings)
  open.push(shop)
  await shop.startWorker()
  return shop
}

describe('a beat', () => {
  it('sends what is due when it is due', async () => {
    const shop = await newShop()
    const service = await shop.startBeat({
      tick: every('15s', shop.add.s(1, 1)),
      nightly: crontab('3 1 * * *', shop.add.s(2, 2), { timezone: 'Europe/Berlin' }),
    })
    await shop.clock.play(60_000)
    expect(shop.times).toEqual([15, 30, 45, 60])
    await shop.clock.play(180_000)
    expect(shop.calls.filter(({ args: [x] }) => x === 2)).toEqual([{ atS: 180, args: [2, 2] }])
    expect(service.counts()).toEqual({ sent: shop.calls.length, skipped: 0, failed: 0 })
  })

  it('sends chains, groups and chords as well, with ids that follow from the tick', async () => {
    const shop = await newShop()
    const { add, sum, clock, app } = shop
    await shop.startBeat({ canvas: every('1h', chord([add.s(1, 2), chain(add.s(3, 4), add.s(5))], sum.s())) })
    await clock.play(HOUR)
    expect(shop.calls.at(-1)?.args).toEqual([[3, 12]])
    const ledger = await openLedger(app, { clock })
    const { state } = await ledger.find('canvas')
    expect(state.last?.id).toBe(ledger.idsOf('canvas', `0 ${state.last?.dueMs}`)())
  })

  it('tells of each tick in one line of the log', async () => {
    const shop = await newShop()
    await shop.startBeat({ tick: every('1m', shop.add.s(1, 1), { jitter: '10s' }) })
    await shop.clock.play(70_000)
    const { state } = await (await openLedger(shop.app, { clock: shop.clock })).find('tick')
    expect(shop.lines.filter(({ message }) => message === 'tick sent').map(({ fields }) => fields)).toEqual([
      {
        entry: 'tick',
        task: 'shop.add',
        id: state.last?.id,
        due: '2026-01-01T00:01:00+00:00',
        lateMs: expect.any(Number) as number,
      },
    ])
  })

  it('sends each tick once, however many there are', async () => {
    const shop = await newShop()
    const entries = { tick: every('5s', shop.add.s(1, 1)) }
    for (let nth = 0; nth < 5; nth++) await shop.startBeat(entries)
    await shop.clock.play(60_000)
    expect(shop.times).toEqual([5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60])
  })

  it('does what is asked of the ledger while it runs: pause, resume, run now, more entries, fewer', async () => {
    const shop = await newShop()
    const { clock, app, add } = shop
    await shop.startBeat({ tick: every('10s', add.s(1, 1)) })
    const ledger = await openLedger(app, { clock })
    await clock.play(15_000)
    await ledger.pause('tick')
    await clock.play(20_000)
    const id = await ledger.run('tick')
    await clock.play(10)
    expect([shop.times, (await ledger.find('tick')).state.last?.id]).toEqual([[10, 35], id])
    await ledger.resume('tick')
    await ledger.put('more', every('20s', add.s(2, 2)))
    await clock.play(26_000)
    const more = shop.calls.slice(2).map(({ atS, args: [x] }) => `${atS} ${x as number}`)
    expect(more.sort()).toEqual(['40 1', '40 2', '50 1', '60 1', '60 2'])
    await ledger.remove('more')
    await clock.play(20_000)
    expect(shop.calls.filter(({ args: [x] }) => x === 2)).toHaveLength(2)
  })

  it('puts an entry of a later version off for seconds, for who can read it', async () => {
    const shop = await newShop()
    const { clock, app, add } = shop
    await shop.startBeat({ tick: every('10s', add.s(1, 1)) })
    const ledger = await openLedger(app, { clock })
    await ledger.list.put('later', { atMs: clock.now(), value: '{"version": 2}' })
    await clock.play(1_000)
    const later = (await ledger.list.list()).find(({ id }) => id === 'later')
    const inMs = (later?.atMs ?? 0) - clock.now()
    expect([inMs > 0, inMs <= 5_000, later?.value]).toEqual([true, true, '{"version": 2}'])
    await clock.play(9_000)
    expect(shop.times).toEqual([10])
  })

  it('begins with what its code says, and leaves what was changed at run time until the code has changed', async () => {
    const shop = await newShop()
    const { clock, app, add } = shop
    const first = await shop.startBeat({ a: every('10s', add.s(1, 1)), b: every('10s', add.s(2, 2)) })
    const ledger = await openLedger(app, { clock })
    await ledger.put('a', every('1h', add.s(3, 3)))
    await ledger.put('c', every('1h', add.s(4, 4)))
    const everys = async (): Promise<unknown> =>
      Object.fromEntries((await ledger.all()).map(({ name, state }) => [name, state.definition.every]))
    await shop.settled(first.stop())
    await shop.startBeat({ a: every('10s', add.s(1, 1)) })
    expect(await everys()).toEqual({ a: '1h', c: '1h' })
    await shop.startBeat({ a: every('20s', add.s(1, 1)) })
    expect(await everys()).toEqual({ a: '20s', c: '1h' })
  })
})

describe('the ledger, when a beat starts whose code has fewer entries', () => {
  it('has them no more, even if another beat sends a tick of them at that moment', async () => {
    const shop = await newShop()
    const { app, clock, add } = shop
    const ledger = await openLedger(app, { clock })
    const both = await readEntries(app, { kept: every('1h', add.s(1, 1)), gone: every('1h', add.s(2, 2)) })
    await tellLedger(ledger, both)
    const all = ledger.all.bind(ledger)
    let isFirst = true
    ledger.all = async () => {
      const entries = await all()
      const gone = entries.find(({ name }) => name === 'gone')
      if (isFirst && gone) await ledger.settle(gone, gone.state)
      isFirst = false
      return entries
    }
    await tellLedger(ledger, await readEntries(app, { kept: every('1h', add.s(1, 1)) }))
    expect((await all()).map(({ name }) => name)).toEqual(['kept'])
  })
})

describe('a store that has lost everything', () => {
  it('is told again what the code says', async () => {
    const shop = await newShop()
    const { app, clock, add } = shop
    await shop.startBeat({ tick: every('10s', add.s(1, 1)) })
    await clock.play(25_000)
    const ledger = await openLedger(app, { clock })
    await ledger.list.remove('tick')
    await clock.play(75_000)
    const before = shop.times.filter((atS) => atS > 25)
    expect(before.at(-1)).toBe(100)
    expect(before.length).toBeGreaterThanOrEqual(4)
  })
})

describe('a beat that cannot do what it is told', () => {
  const app = lovage('refused', { broker: 'memory://refused' }, { env: {} })
  const add = app.task('add', { params: ['x', 'y'] }, (x: number, y: number) => x + y)
  const quiet = app.task('quiet', { ignoreResult: true }, () => {})

  it.each([
    ['a field out of range', { nightly: crontab('61 2 * * *', add.s(1, 2)) }, 'minute'],
    ['a day that never comes', { nightly: crontab('0 0 30 feb *', add.s(1, 2)) }, 'dayOfMonth'],
    ['a zone that is not there', { nightly: every('1m', add.s(1, 2), { timezone: 'Mars/Base' }) }, 'timezone'],
    ['an interval that is too short', { nightly: every(1, add.s(1, 2)) }, 'every'],
    ['no signature', { nightly: every('1m', 'add' as never) }, 'task'],
    [
      'arguments that the task does not take',
      { nightly: every('1m', Reflect.apply(add.s, add, [1, 2, 3]) as never) },
      'task',
    ],
    ['arguments that no message can hold', { nightly: every('1m', add.s(Number.NaN, 2)) }, 'task'],
    ['a policy that is not there', { nightly: every('1m', add.s(1, 2), { overlap: 'skipp' as never }) }, 'overlap'],
    ['a policy without results', { nightly: every('1m', quiet.s(), { overlap: 'skip' }) }, 'overlap'],
    ['an option that is not there', { nightly: every('1m', add.s(1, 2), { jiter: '1s' } as never) }, 'jiter'],
  ])('refuses %s at its start, and names the entry', async (_, entries, field) => {
    await expect(beat(app, entries).start()).rejects.toMatchObject({
      code: 'SCHEDULE_INVALID',
      details: { entry: 'nightly', field },
    })
  })

  it('refuses to do without a store', async () => {
    const lone = lovage('lone', { broker: 'amqp://localhost:1/' }, { env: {} })
    const task = lone.task('t', () => {})
    const refused = { code: 'CAPABILITY_MISSING', message: expect.stringContaining('A beat') as string }
    await expect(beat(lone, { tick: every('1s', task.s()) }).start()).rejects.toMatchObject(refused)
  })

  it('refuses an overlap policy where only the caller gets results', async () => {
    const rpc = lovage('rpc', { broker: 'amqp://localhost:1/', store: 'memory://rpc' }, { env: {} })
    const task = rpc.task('t', () => {})
    const entries = { tick: every('1s', task.s(), { overlap: 'queue' }) }
    await expect(beat(rpc, entries).start()).rejects.toMatchObject({
      code: 'SCHEDULE_INVALID',
      details: { entry: 'tick' },
    })
  })

  it('refuses options that it does not have', () => {
    const refused = expect.objectContaining({ code: 'OPTION_INVALID' }) as Error
    expect(() => beat(app, {}, { lease: '10ms' })).toThrow(refused)
    expect(() => beat(app, {}, { leese: '10s' } as never)).toThrow(refused)
  })
})
