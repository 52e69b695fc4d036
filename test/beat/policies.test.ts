import { afterEach, describe, expect, it } from 'vitest'
import { type Beat, crontab, type Entries, every } from '../../src/beat/beat.ts'
import { Shop } from './shop.ts'

const MINUTE = 60_000
const HOUR = 3_600_000

const open: Shop[] = []
afterEach(async () => {
  for (const shop of open.splice(0)) await shop.end()
})

async function newShop(): Promise<Shop> {
  const shop = new Shop()
  open.push(shop)
  await shop.startWorker()
  return shop
}

/** A shop whose one beat is away between two minutes. */
async function withBreak(entries: (shop: Shop) => Entries, fromMin: number, toMin: number): Promise<Shop> {
  const shop = await newShop()
  const first: Beat = await shop.startBeat(entries(shop))
  await shop.clock.play(fromMin * MINUTE)
  await shop.settled(first.stop())
  await shop.clock.play((toMin - fromMin) * MINUTE)
  await shop.startBeat(entries(shop))
  return shop
}

function minutes({ times }: Shop): number[] {
  return times.map((atS) => Math.floor(atS / 60))
}

function leftOut({ lines }: Shop): unknown[] {
  return lines
    .filter(({ message }) => message === 'ticks are left out')
    .map(({ fields }) => [fields?.['reason'], fields?.['count']])
}

describe('ticks that nobody sent in time', () => {
  it('are made up for by the last of them', async () => {
    const shop = await withBreak(({ add }) => ({ tick: every('10m', add.s(1, 1)) }), 25, 55)
    await shop.clock.play(10 * MINUTE)
    expect(minutes(shop)).toEqual([10, 20, 55, 60])
    expect(leftOut(shop)).toEqual([['missed', 2]])
  })

  it('are left out, if that is wanted', async () => {
    const shop = await withBreak(({ add }) => ({ tick: every('10m', add.s(1, 1), { missed: 'skip' }) }), 25, 55)
    await shop.clock.play(10 * MINUTE)
    expect(minutes(shop)).toEqual([10, 20, 60])
    expect(leftOut(shop)).toEqual([['missed', 3]])
  })

  it('are all made up for, if that is wanted', async () => {
    const shop = await withBreak(({ add }) => ({ tick: every('10m', add.s(1, 1), { missed: 'all' }) }), 25, 55)
    await shop.clock.play(10 * MINUTE)
    expect(minutes(shop)).toEqual([10, 20, 55, 55, 55, 60])
    expect(leftOut(shop)).toEqual([])
  })

  it('are made up for to a bound, and the log tells of the rest', { timeout: 120_000 }, async () => {
    const shop = await withBreak(({ add }) => ({ tick: every('1m', add.s(1, 1), { missed: 'all' }) }), 2, 1_500)
    for (let ms = 0; ms < 10_000 && shop.calls.length < 1_002; ms++) await shop.clock.play(1)
    expect(shop.calls).toHaveLength(2 + 1_000)
    expect(leftOut(shop)).toEqual([['missed', 498]])
  })

  it('are none for a minute: whoever takes over sends all of them', async () => {
    const shop = await withBreak(({ add }) => ({ tick: every('10s', add.s(1, 1), { missed: 'skip' }) }), 1, 1.8)
    await shop.clock.play(10)
    expect(shop.times).toEqual([10, 20, 30, 40, 50, 60, 108, 108, 108, 108])
  })
})

describe('a run that takes longer than the time to the next tick', () => {
  it('has the next beside it', async () => {
    const shop = await newShop()
    await shop.startBeat({ slow: every('4s', shop.slow.s('on')) })
    await shop.clock.play(20_000)
    expect(shop.times).toEqual([4, 8, 12, 16, 20])
  })

  it('has those left out that come meanwhile, if that is wanted', async () => {
    const shop = await newShop()
    await shop.startBeat({ slow: every('4s', shop.slow.s('on'), { overlap: 'skip' }) })
    await shop.clock.play(40_000)
    expect(shop.times).toEqual([4, 16, 28, 40])
    expect(leftOut(shop)).toEqual(Array.from({ length: 6 }, () => ['overlap', 1]))
  })

  it('has them wait for its end, if that is wanted', async () => {
    const shop = await newShop()
    await shop.startBeat({ slow: every('8s', shop.slow.s('on'), { overlap: 'queue' }) })
    await shop.clock.play(60_000)
    const [first, ...rest] = shop.times
    expect(first).toBe(8)
    const gaps = rest.map((atS, nth) => atS - (shop.times[nth] ?? 0))
    expect(gaps.length).toBeGreaterThanOrEqual(3)
    for (const gap of gaps) expect([10, 11, 12, 13]).toContain(gap)
  })

  it('counts as ended when it has failed', async () => {
    const shop = await newShop()
    const fails = shop.app.task('shop.fails', () => {
      shop.calls.push({ atS: Math.floor(shop.clock.now() / 1_000) % 86_400, args: [] })
      throw new Error('no')
    })
    await shop.startBeat({ bad: every('5s', fails.s(), { overlap: 'skip' }) })
    await shop.clock.play(15_000)
    expect(shop.times).toEqual([5, 10, 15])
  })
})

describe('a run that nobody has begun, and that has expired', () => {
  it.each(['skip', 'queue'] as const)('has ended, as soon as a worker has said so: %s', async (overlap) => {
    const shop = new Shop()
    open.push(shop)
    await shop.startBeat({ tick: every('1m', shop.add.s(1, 1), { expires: '30s', overlap }) })
    await shop.clock.play(5 * MINUTE - 1_000)
    await shop.startWorker()
    await shop.clock.play(3 * MINUTE)
    expect(
      minutes(shop)
        .filter((minute) => minute >= 5)
        .slice(-2),
    ).toEqual([6, 7])
  })
})

describe('a message that nobody has begun', () => {
  it('expires with the next tick, if that is wanted', async () => {
    const shop = new Shop()
    open.push(shop)
    await shop.startBeat({ tick: every('10s', shop.add.s(1, 1), { expires: 'next' }) })
    await shop.clock.play(35_000)
    await shop.startWorker()
    await shop.clock.play(1_000)
    expect(shop.times).toEqual([35])
  })
})

describe('a clock that is set', () => {
  it('forward by an hour: what lies between was missed', async () => {
    const shop = await newShop()
    await shop.startBeat({ hourly: every('10m', shop.add.s(1, 1)), daily: crontab('30 0 * * *', shop.add.s(2, 2)) })
    await shop.clock.play(15 * MINUTE)
    shop.clock.jump(HOUR)
    await shop.clock.play(2 * MINUTE)
    await shop.clock.play(5 * MINUTE)
    expect(shop.calls.map(({ atS, args: [x] }) => [Math.floor(atS / 60), x])).toEqual([
      [10, 1],
      [76, 1],
      [76, 2],
      [80, 1],
    ])
  })

  it('back by an hour: no time of day comes twice, and what goes by the time that passes goes on', async () => {
    const shop = await newShop()
    await shop.startBeat({
      often: every('5m', shop.add.s(1, 1)),
      times: crontab('5,55 1 * * *', shop.add.s(2, 2), { timezone: 'Europe/Berlin' }),
    })
    await shop.clock.play(8 * MINUTE)
    shop.clock.jump(-HOUR)
    await shop.clock.play(110 * MINUTE)
    const of = (wanted: number): number[] =>
      shop.calls.filter(({ args: [x] }) => x === wanted).map(({ atS }) => Math.floor(atS / 60))
    expect(of(2)).toEqual([5, 55])
    const often = of(1)
    expect(often.slice(0, 3)).toEqual([5, -50, -45])
    expect(often).toHaveLength(1 + 22)
  })

  it('back by days: it was wrong before, and all begins anew', async () => {
    const shop = await newShop()
    await shop.startBeat({
      times: crontab('30 * * * *', shop.add.s(2, 2)),
      day: crontab('40 0,1 * * *', shop.add.s(3, 3)),
    })
    await shop.clock.play(50 * MINUTE)
    shop.clock.jump(-24 * HOUR * 365)
    await shop.clock.play(HOUR)
    expect(shop.calls.map(({ args: [x] }) => x)).toEqual([2, 3, 2, 3])
  })
})
