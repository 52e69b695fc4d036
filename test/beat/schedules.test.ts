import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { beat, crontab, every, type Schedules, schedules, solar } from '../../src/beat/beat.ts'
import { type App, chain, lovage } from '../../src/index.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { worker } from '../../src/worker/worker.ts'

let clock: VirtualClock
let app: App
let all: Schedules
let calls: string[]
let call: ReturnType<typeof taskOf>
let ends: (() => Promise<void>)[]

const taskOf = (of: App) => of.task('shop.call', (what: string) => void calls.push(what))

/** Plays time until the promise is settled. */
async function settled<T>(promise: Promise<T>): Promise<T> {
  let isDone = false
  void promise.finally(() => (isDone = true)).catch(() => undefined)
  for (let plays = 0; !isDone && plays < 1_000; plays++) await clock.play(10)
  return promise
}

async function startBeat(): Promise<void> {
  const entries = { nightly: crontab('30 2 * * *', call.s('nightly'), { timezone: 'Asia/Shanghai' }) }
  const service = beat(app, entries, {}, { clock })
  await settled(service.start())
  ends.push(() => settled(service.stop()))
}

beforeEach(async () => {
  ends = []
  calls = []
  clock = new VirtualClock({ startMs: Date.UTC(2026, 10, 21, 12) })
  const id = randomUUID()
  app = lovage('shop', { broker: `memory://${id}`, store: `memory://${id}` }, { clock, env: {} })
  call = taskOf(app)
  all = schedules(app, { clock })
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
  await startBeat()
})

afterEach(async () => {
  for (const end of ends.reverse()) await end()
})

describe('Schedules of an application', () => {
  it('are listed as people write them, with what they did and will do', async () => {
    await all.add('lamps', solar('sunset', 31.23, 121.47, call.s('lamps')))
    await all.add('tick', every(900_000, chain(call.s('a'), call.si('b'))))
    await clock.play(900_000)
    expect(await all.list()).toEqual([
      {
        ...{ name: 'lamps', schedule: 'sunset at 31.23, 121.47', timezone: 'UTC', task: 'shop.call', isInCode: false },
        ...{ isPaused: false, isEnabled: true, runs: 0, skipped: 0, failures: 0, last: null },
        next: expect.any(Date),
      },
      {
        ...{ name: 'nightly', schedule: '30 2 * * *', timezone: 'Asia/Shanghai', task: 'shop.call', isInCode: true },
        ...{ isPaused: false, isEnabled: true, runs: 0, skipped: 0, failures: 0, last: null },
        next: new Date('2026-11-21T18:30Z'),
      },
      {
        ...{ name: 'tick', schedule: 'every 15m', timezone: 'UTC', task: 'celery.chain', isInCode: false },
        ...{ isPaused: false, isEnabled: true, runs: 1, skipped: 0, failures: 0 },
        last: { id: expect.any(String), at: expect.any(Date) },
        next: new Date('2026-11-21T12:30Z'),
      },
    ])
  })

  it('tell the ticks to come of all that are not paused, in order', async () => {
    await all.add('hourly', every('1h', call.s('hourly')))
    await all.add('off', every('1s', call.s('off'), { enabled: false }))
    await all.add('paused', every('1s', call.s('paused')))
    await all.pause('paused')
    const ticks = (await all.next(8)).map(({ name, due, timezone }) => [due.toISOString().slice(8, 16), name, timezone])
    expect(ticks).toEqual([
      ['21T13:00', 'hourly', 'UTC'],
      ['21T14:00', 'hourly', 'UTC'],
      ['21T15:00', 'hourly', 'UTC'],
      ['21T16:00', 'hourly', 'UTC'],
      ['21T17:00', 'hourly', 'UTC'],
      ['21T18:00', 'hourly', 'UTC'],
      ['21T18:30', 'nightly', 'Asia/Shanghai'],
      ['21T19:00', 'hourly', 'UTC'],
    ])
    const some = (await all.next(8, 2)).map(({ name, due }) => [due.toISOString().slice(8, 16), name])
    expect(some.slice(0, 3)).toEqual([
      ['21T13:00', 'hourly'],
      ['21T14:00', 'hourly'],
      ['21T18:30', 'nightly'],
    ])
  })

  it('tell in their order when jitter makes ticks come later', async () => {
    await all.add('tick', every('1m', call.s('tick'), { jitter: '30s' }))
    const ticks = await all.next(50)
    expect(ticks.map(({ at }) => at.getTime())).toEqual(ticks.map(({ at }) => at.getTime()).toSorted((a, b) => a - b))
    expect(ticks.some(({ at, due }) => at.getTime() > due.getTime())).toBe(true)
  })
})

describe('While a beat runs,', () => {
  it('an entry that is added is sent from then on, without a restart', async () => {
    await all.add('tick', every('10s', call.s('tick')))
    await clock.play(30_000)
    expect(calls).toEqual(['tick', 'tick', 'tick'])
  })

  it('one that is changed is due at its new times, and one that is removed no more', async () => {
    await all.add('tick', every('10s', call.s('old')))
    await clock.play(10_000)
    expect(await all.change('tick', every('1m', call.s('new')))).toMatchObject({ schedule: 'every 1m', runs: 1 })
    await clock.play(60_000)
    expect(calls).toEqual(['old', 'new'])
    await all.remove('tick')
    await clock.play(600_000)
    expect(calls).toEqual(['old', 'new'])
    await expect(all.get('tick')).rejects.toMatchObject({ code: 'SCHEDULE_UNKNOWN' })
  })

  it('one that is paused has no ticks until it is resumed, and those in between never come', async () => {
    await all.add('tick', every('10s', call.s('tick')))
    expect(await all.pause('tick')).toMatchObject({ isPaused: true, next: null })
    await clock.play(60_000)
    expect(calls).toEqual([])
    await all.resume('tick')
    await clock.play(10_000)
    expect(calls).toEqual(['tick'])
  })

  it('one that is run now is sent at once, paused or not, under the id that was told', async () => {
    await all.pause('nightly')
    const id = await all.run('nightly')
    await clock.play(2_000)
    expect(calls).toEqual(['nightly'])
    expect((await all.get('nightly')).last).toMatchObject({ id })
    expect((await all.get('nightly')).isPaused).toBe(true)
  })
})

describe('After the beat was started anew,', () => {
  it('what was paused is paused, and what was added is there', async () => {
    await all.pause('nightly')
    await all.add('tick', every('10s', call.s('tick')))
    await ends.pop()?.()
    await startBeat()
    expect((await all.list()).map(({ name, isPaused }) => [name, isPaused])).toEqual([
      ['nightly', true],
      ['tick', false],
    ])
    await clock.play(10_000)
    expect(calls).toEqual(['tick'])
  })
})

describe('It is refused, by name,', () => {
  const refusals: readonly (readonly [string, () => Promise<unknown>, string])[] = [
    [
      'to add what is there',
      async () => {
        await all.add('tick', every('1m', call.s('x')))
        return all.add('tick', every('2m', call.s('x')))
      },
      'The schedule of tick cannot be kept: entry is there already',
    ],
    [
      'to add what is in the code',
      () => all.add('nightly', every('1m', call.s('x'))),
      'The schedule of nightly cannot be kept: entry is there already, in the code of a beat',
    ],
    [
      'to change what is in the code',
      () => all.change('nightly', every('1m', call.s('x'))),
      'The schedule of nightly cannot be kept: entry stands in the code',
    ],
    [
      'to remove what is in the code',
      () => all.remove('nightly'),
      'The schedule of nightly cannot be kept: entry stands in the code',
    ],
    ['to change what is not there', () => all.change('tik', every('1m', call.s('x'))), 'have no entry tik'],
    ['to pause what is not there', () => all.pause('nightl'), 'The schedules of shop have no entry nightl'],
    [
      'to add a time that never comes',
      () => all.add('never', crontab('0 0 30 2 *', call.s('x'))),
      'The schedule of never cannot be kept: dayOfMonth names days',
    ],
    [
      'to add what is no signature',
      () => all.add('bad', every('1m', 'shop.call' as never)),
      'The schedule of bad cannot be kept: task is no signature',
    ],
    [
      'to add arguments that its task does not take',
      () => all.add('bad', every('1m', app.remote('shop.call').s(1, 2, 3))),
      'The schedule of bad cannot be kept: task cannot be sent',
    ],
  ]
  it.each(refusals)('%s', async (_, refused, message) => {
    await expect(refused()).rejects.toThrow(message)
  })

  it('without a store', async () => {
    const bare = lovage('bare', { broker: 'amqp://localhost/' }, { clock, env: {} })
    await expect(schedules(bare).list()).rejects.toMatchObject({ code: 'CAPABILITY_MISSING' })
  })
})
