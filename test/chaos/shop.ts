import { currentTask, Ignore, lovage, Reject } from '../../src/index.ts'
import { type SimulatedSurroundings, sleep } from '../../src/testing/testing.ts'

/** Tasks of every kind that a schedule can hurt. */
export function shop(around: SimulatedSurroundings) {
  const app = lovage('shop', { publishTimeout: '2s' }, around)
  const wait = (ms: number): Promise<void> => sleep(around.clock, ms)
  const add = app.task('shop.add', (x: number, y: number) => x + y)
  return {
    app,
    add,
    slow: app.task('shop.slow', { trackStarted: true }, async (ms: number) => {
      const { progress } = currentTask()
      await wait(ms / 2)
      progress({ at: 'half' })
      await wait(ms / 2)
      return ms
    }),
    flaky: app.task('shop.flaky', { retryDelay: '1s', maxRetries: 5, retryOn: ['Error'] }, async (times: number) => {
      await wait(1)
      if (currentTask().retries < times) throw new Error('not yet')
      return times
    }),
    again: app.task('shop.again', { queue: 'images', maxRetries: 1 }, async (x: number) => {
      const { retries, retry } = currentTask()
      await wait(5)
      if (retries === 0) throw retry({ countdown: '700ms' })
      return x
    }),
    /** Runs again after a while. */
    patient: app.task('shop.patient', { maxRetries: 1 }, async (x: number) => {
      const { retries, retry } = currentTask()
      await wait(5)
      if (retries === 0) throw retry({ countdown: '5s' })
      return x
    }),
    resize: app.task('shop.resize', { queue: 'images', priority: 3 }, async (width: number) => {
      await wait(100)
      return width
    }),
    fail: app.task('shop.fail', async () => {
      await wait(1)
      throw new RangeError('never')
    }),
    refuse: app.task('shop.refuse', () => {
      throw new Reject('not for us')
    }),
    pass: app.task('shop.pass', () => {
      throw new Ignore()
    }),
    silent: app.task('shop.silent', { ignoreResult: true }, () => wait(3)),
    early: app.task('shop.early', { acksLate: false }, async (x: number) => {
      await wait(20)
      return x
    }),
    parent: app.task('shop.parent', async (x: number) => {
      const result = await add.delay(x, 1)
      return result.id
    }),
    /** Kills its worker, each time. */
    doom: app.task('shop.doom', async () => {
      around.die()
      await wait(1)
    }),
    limited: app.task('shop.limited', { softTimeLimit: '100ms' }, async () => {
      const { signal } = currentTask()
      await sleep(around.clock, 10_000, signal)
    }),
  }
}

export type Shop = ReturnType<typeof shop>
