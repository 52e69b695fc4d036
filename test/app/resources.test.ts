import { expect, expectTypeOf, test } from 'vitest'
import { lovage } from '../../src/app/app.ts'
import type { ResourceOptions } from '../../src/app/resources.ts'
import { type LogRecord, onLog } from '../../src/base/log.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { worker } from '../../src/worker/worker.ts'

let apps = 0
const newApp = (clock?: VirtualClock): ReturnType<typeof lovage> =>
  lovage('resources', { broker: `memory://resources-${++apps}` }, { env: {}, ...(clock && { clock }) })

test('a resource is opened once, when it is first asked for, and all who ask meanwhile share it', async () => {
  const app = newApp()
  let opened = 0
  const db = app.resource('db', { open: async () => ({ nth: await Promise.resolve(++opened) }) })
  expectTypeOf(db.get).returns.resolves.toEqualTypeOf<{ nth: number }>()
  expect(opened).toBe(0)
  const all = await Promise.all([db.get(), db.get(), db.get()])
  expect(all.map((one) => one === all[0])).toEqual([true, true, true])
  expect(opened).toBe(1)
})

test('one that could not be opened is tried again by who asks next', async () => {
  const app = newApp()
  let isUp = false
  const db = app.resource('db', {
    open: () => {
      if (!isUp) throw new Error('connection refused')
      return 'up'
    },
  })
  await expect(db.get()).rejects.toMatchObject({
    code: 'RESOURCE_FAILED',
    message: expect.stringContaining('db could not be opened: connection refused'),
  })
  isUp = true
  expect(await db.get()).toBe('up')
})

test('one that takes too long fails, and is closed if it comes after all', async () => {
  const clock = new VirtualClock()
  const app = newApp(clock)
  let arrive = (_value: string): void => {}
  const closed: string[] = []
  const slow = app.resource('slow', {
    open: () => new Promise<string>((resolve) => (arrive = resolve)),
    close: (value) => closed.push(value),
    timeout: '5s',
  })
  const asked = expect(slow.get()).rejects.toMatchObject({ code: 'RESOURCE_FAILED', message: /longer than 5000 ms/ })
  await clock.play(6_000)
  await asked
  arrive('late')
  await clock.play(1)
  expect(closed).toEqual(['late'])
})

test('the async pool opens the eager ones before its first task, and closes all at its end, the last first', async () => {
  const app = newApp()
  const happened: string[] = []
  const note = (name: string, eager: boolean): ResourceOptions<number> => ({
    eager,
    open: () => happened.push(`open ${name}`),
    close: () => void happened.push(`close ${name}`),
  })
  app.resource('early', note('early', true))
  const late = app.resource('late', note('late', false))
  const use = app.task('use', () => late.get())
  const [one, other] = [worker(app), worker(app)]
  await Promise.all([one.start(), other.start()])
  expect(happened).toEqual(['open early'])
  await Promise.all([use.delay().get(), use.delay().get()])
  await one.stop()
  expect(happened).toEqual(['open early', 'open late'])
  await other.stop()
  expect(happened).toEqual(['open early', 'open late', 'close late', 'close early'])
  await app.close()
})

test('an eager one that cannot be opened, or one that cannot be closed, is logged and stops nothing', async () => {
  const app = newApp()
  const records: LogRecord[] = []
  const endLog = onLog((record) => void records.push(record))
  app.resource('bad', { eager: true, open: () => Promise.reject(new Error('no door')) })
  app.resource('sticky', {
    eager: true,
    open: () => 1,
    close: () => {
      throw new Error('does not shut')
    },
  })
  const task = app.task('fine', () => 'fine')
  const made = worker(app)
  await made.start()
  expect(await task.delay().get()).toBe('fine')
  await made.stop()
  await app.close()
  endLog()
  expect(records).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        message: 'resource could not be opened',
        fields: expect.objectContaining({ resource: 'bad' }),
      }),
      expect.objectContaining({
        message: 'resource did not close well',
        fields: { resource: 'sticky', error: 'does not shut' },
      }),
    ]),
  )
})

test('a name is given once, and open must be a function', () => {
  const app = newApp()
  app.resource('db', { open: () => 1 })
  expect(() => app.resource('db', { open: () => 2 })).toThrow(/is taken/)
  expect(() => app.resource('', { open: () => 2 })).toThrow(/must be a text/)
  expect(() => app.resource('x', {} as never)).toThrow(/open.*must be a function/)
})
