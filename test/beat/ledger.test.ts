import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { crontab, every } from '../../src/beat/entry.ts'
import { encodeState, newEntry } from '../../src/beat/entry-state.ts'
import { Ledger } from '../../src/beat/ledger.ts'
import { lovage } from '../../src/index.ts'
import { openStore } from '../../src/store/open.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

const clock = new VirtualClock()
const store = openStore(`memory://ledger-${randomUUID()}`, { clock })
const app = lovage('shop', { broker: `memory://ledger-${randomUUID()}` })
const report = app.task('shop.report', (day: Date, count: bigint) => `${day.toISOString()} ${count}`)

function newLedger(): Ledger {
  return new Ledger({ store, name: `shop-${randomUUID()}`, timezone: 'Asia/Shanghai', clock })
}

beforeAll(() => store.start())
afterAll(() => store.stop())

describe('the ledger of schedules', () => {
  it('knows the time of the store', async () => {
    const ledger = newLedger()
    expect(await ledger.now()).toBe(clock.now())
    clock.advance(12_345)
    expect(await ledger.now()).toBe(clock.now())
  })

  it('keeps an entry as it was given, arguments and all, and says when it is due', async () => {
    const ledger = newLedger()
    const day = new Date(Date.UTC(2026, 0, 2))
    const sig = report.s(day, 2n ** 60n).set({ priority: 3 })
    await ledger.put('nightly', crontab('30 2 * * *', sig, { missed: 'all' }))
    const [entry] = await ledger.all()
    expect(entry?.state.definition).toEqual({
      crontab: '30 2 * * *',
      missed: 'all',
      timezone: 'Asia/Shanghai',
      task: sig.data,
    })
    expect(new Date(entry?.atMs ?? 0).toISOString()).toBe('2026-01-01T18:30:00.000Z')
  })

  it('is never due while it is paused, and forgets what came due meanwhile', async () => {
    const ledger = newLedger()
    await ledger.put('often', every('1m', report.s(new Date(0), 1n)))
    expect((await ledger.pause('often')).atMs).toBe(Infinity)
    clock.advance(3_600_000)
    const { atMs, state } = await ledger.resume('often')
    expect([state.isPaused, atMs - clock.now()]).toEqual([false, 60_000 - (clock.now() % 60_000)])
  })

  it('is due at once when a run is asked for, and says what its id will be', async () => {
    const ledger = newLedger()
    await ledger.put('nightly', crontab('30 2 * * *', report.s(new Date(0), 1n)))
    await ledger.pause('nightly')
    const id = await ledger.run('nightly')
    const { entries } = await ledger.list.take({ claimMs: 1000 })
    const [taken] = entries.map((one) => ledger.read(one))
    const [token] = taken?.state.asked ?? []
    expect(ledger.idsOf('nightly', `asked ${token}`)()).toBe(id)
  })

  it('says which entries there are when one is asked for that is none of them', async () => {
    const ledger = newLedger()
    await ledger.put('nightly', crontab('30 2 * * *', report.s(new Date(0), 1n)))
    const refused = expect.objectContaining({
      code: 'SCHEDULE_UNKNOWN',
      message: expect.stringContaining('nightli') as string,
      fix: 'Did you mean nightly?',
    }) as Error
    await expect(ledger.pause('nightli')).rejects.toEqual(refused)
    await expect(ledger.run('nightli')).rejects.toEqual(refused)
    await ledger.remove('nightly')
    await expect(ledger.remove('nightly')).rejects.toMatchObject({ code: 'SCHEDULE_UNKNOWN' })
  })

  it('has all of many changes at once', async () => {
    const ledger = newLedger()
    await ledger.put('nightly', crontab('30 2 * * *', report.s(new Date(0), 1n)))
    const ids = await Promise.all(Array.from({ length: 8 }, () => ledger.run('nightly')))
    const { state } = await ledger.find('nightly')
    expect(state.asked.map((token) => ledger.idsOf('nightly', `asked ${token}`)()).sort()).toEqual(ids.sort())
  })

  it('reads thousands of entries, each once, and leaves out those of a later version', async () => {
    const ledger = newLedger()
    const definition = { every: '1m', task: report.s(new Date(0), 1n).data } as const
    const names = Array.from({ length: 1_200 }, (_, at) => `entry ${at}`).sort()
    const value = encodeState(newEntry(definition, clock.now(), null))
    await Promise.all(names.map((name, at) => ledger.list.put(name, { atMs: at % 7, value })))
    await ledger.list.put('later', { atMs: 3, value: '{"version": 2}' })
    expect((await ledger.all()).map(({ name }) => name)).toEqual(names)
  })

  it('refuses what it could never send, and names it', async () => {
    const ledger = newLedger()
    const refused = (field: string): Error =>
      expect.objectContaining({
        code: 'SCHEDULE_INVALID',
        details: expect.objectContaining({ entry: 'bad', field }),
      }) as Error
    await expect(ledger.put('bad', every('1ms', report.s(new Date(0), 1n)))).rejects.toEqual(refused('every'))
    await expect(ledger.put('bad', every('1m', 'report' as never))).rejects.toEqual(refused('task'))
    const typo = { overlap: 'skipp' } as never
    await expect(ledger.put('bad', every('1m', report.s(new Date(0), 1n), typo))).rejects.toEqual(refused('overlap'))
  })
})
