import { expect, test } from 'vitest'
import { lovage, type App } from '../../src/app/app.ts'
import { currentTask } from '../../src/app/current-task.ts'
import { sleep } from '../../src/base/clock.ts'
import { gateway } from '../../src/gateway/gateway.ts'
import { simulate } from '../../src/testing/simulator/simulate.ts'
import { overload, type Overload } from './overload/clients.ts'

const SLOTS = 10
const MEAN_MS = 200
const CAPACITY = (SLOTS * 1000) / MEAN_MS
const SECONDS = 20
const WARMUP_S = 5
const CALM = { crash: 0, stop: 0, stall: 0, duplicate: 0, delay: 0 }

interface Seen extends Overload {
  readonly runs: number
}

/** Half as many clients again as can be served, in one schedule, with the mechanisms or without. */
async function overloaded(isHonest: boolean): Promise<Seen> {
  let runs = 0
  let seen: Overload | undefined
  await simulate<{ app: App }>({
    app: (around) => {
      const app = lovage('shop', { broker: 'memory://overload', backend: 'memory://overload' }, around)
      app.task('work', { abandonable: isHonest }, async (_client: number, ms: number) => {
        runs++
        await sleep(around.clock, ms, currentTask().signal)
        return 'done'
      })
      return { app }
    },
    brokers: ['memory'],
    schedules: 1,
    seed: 7,
    workers: 2,
    workerOptions: { remoteControl: true, concurrency: SLOTS / 2, prefetch: SLOTS / 2 },
    faults: CALM,
    scenario: async (world) => {
      const peer = world.peer('gateway')
      const opened = peer.run(() =>
        gateway(
          peer.made.app,
          { timeout: '5s', refuseLate: isHonest },
          { clock: peer.clock, openHttp: peer.openHttp },
        ).get('/job/:client/:ms', peer.made.app.remote<(client: number, ms: number) => string>('work'), {
          args: ({ params }) => [Number(params.client), Number(params.ms)],
          abandonable: isHonest,
          ...(!isHonest && { deadline: false as const }),
        }),
      )
      await peer.run(() => opened.start())
      await world.sleep(1000)
      const lengths = new Map<number, number>()
      seen = await overload({
        clock: world.clock,
        random: () => world.random(),
        perSecond: 1.5 * CAPACITY,
        seconds: SECONDS,
        patienceMs: 5_000,
        warmupS: WARMUP_S,
        ask: async (client, signal) => {
          const ms = lengths.get(client) ?? Math.round(2 * MEAN_MS * world.random())
          lengths.set(client, ms)
          const response = await peer.run(() => opened.inject({ url: `/job/${client}/${ms}`, signal: signal as never }))
          const retryAfter = response.headers['retry-after']
          return { status: response.statusCode, retryAfterS: retryAfter === undefined ? undefined : Number(retryAfter) }
        },
      })
      await peer.run(() => opened.stop())
    },
  })
  return { ...(seen as Overload), runs }
}

test('under half as much load again as can be served, nearly all work is work that somebody still waits for', async () => {
  const honest = await overloaded(true)
  const naive = await overloaded(false)
  expect(honest.answeredPerSecond / CAPACITY).toBeGreaterThan(0.9)
  expect((honest.runs - honest.answered) / honest.runs).toBeLessThan(0.05)
  expect(honest.answeredAtSecondTry / honest.refused).toBeGreaterThan(0.9)
  // Without, the queue grows past what anybody waits for, and from then on all work is for nobody.
  expect(naive.answeredPerSecond / CAPACITY).toBeLessThan(0.6)
  expect((naive.runs - naive.answered) / naive.runs).toBeGreaterThan(0.2)
}, 240_000)
