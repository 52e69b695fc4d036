import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Need } from '../../scripts/services.mjs'
import type { DelayedTo } from '../../src/broker/broker.ts'
import { type App, currentTask, lovage } from '../../src/index.ts'
import { type Worker, worker } from '../../src/worker/worker.ts'
import { describeWith } from '../services/available.ts'
import type { Child } from '../services/child.ts'
import { makeDelays } from '../services/delays.ts'
import { startPython } from '../services/python.ts'
import { brokerUrl } from '../services/rabbitmq.ts'
import { RedisNode } from '../services/redis-node.ts'
import type { Meeting } from './both-ways.ts'
import { PATIENT } from '../services/patience.ts'

const files = { 'interop.py': readFileSync(new URL('celery-app.py', import.meta.url), 'utf8') }

/** What a run of a task saw; times are epoch seconds in Python, ms here. */
interface Seen {
  readonly at: number
  readonly eta: string | null
}

let redis: RedisNode | undefined
afterAll(() => redis?.remove())

delaysBetween('RabbitMQ', ['rabbitmq'], 'kept', async () => {
  const broker = await brokerUrl(import.meta.url)
  await makeDelays(broker)
  return { broker, backend: 'rpc://' }
})

// A due list that nobody moves would keep it for ever.
delaysBetween('Redis', ['redis'], 'queued', async () => {
  redis = await RedisNode.start()
  return { broker: redis.url(0), backend: redis.url(1) }
})

/** `alone` is where a task waits while no worker of ours is there. */
function delaysBetween(name: string, needs: readonly Need[], alone: DelayedTo, meet: () => Promise<Meeting>): void {
  describeWith([...needs, 'celery'], `tasks for later between Python and us over ${name}`, () => {
    let meeting: Meeting
    let theirs: Child
    const ends: (() => Promise<unknown>)[] = []

    beforeAll(async () => {
      meeting = await meet()
      const args = ['-m', 'celery', '-A', 'interop', 'worker', '-P', 'solo', '-Q', 'theirs', '-l', 'INFO']
      theirs = startPython(args, { files, env: env('theirs') })
      await theirs.line(/ ready\./, { timeoutMs: 60_000 })
    }, 300_000)
    afterEach(async () => {
      for (const end of ends.splice(0).toReversed()) await end()
    })
    afterAll(() => theirs?.kill())

    const env = (queue: string): Record<string, string> => ({
      BROKER: meeting.broker,
      BACKEND: meeting.backend,
      QUEUE: queue,
    })

    const open = (queue: string): App => {
      const app = lovage('later', { ...meeting, defaultQueue: queue, ...PATIENT }, { env: {} })
      ends.push(() => app.close())
      return app
    }

    const start = async (app: App): Promise<Worker> => {
      const made = worker(app)
      ends.push(() => made.stop())
      await made.start()
      return made
    }

    /** Has a Python worker run a task that we send, and says where it waited. */
    const sendThere = async (): Promise<DelayedTo | undefined> => {
      const app = open('theirs')
      const { delays } = (await app.client()).broker
      if (!delays) throw new Error('this broker keeps nothing')
      let waited: DelayedTo | undefined
      const publish = delays.publish.bind(delays)
      delays.publish = async (...given): Promise<DelayedTo> => (waited = await publish(...given))
      const sentMs = Date.now()
      const result = await app.sendTask<Seen>('py.when', [], {}, { countdown: '4s' })
      const { at, eta } = await result.get({ timeout: '60s' })
      expect(Date.parse(eta as string)).toBeGreaterThanOrEqual(sentMs + 4000)
      expect(Math.ceil(at * 1000)).toBeGreaterThanOrEqual(Date.parse(eta as string))
      const received = theirs.lines.filter((line) => line.includes(`[${result.id}] received`))
      expect(received).toHaveLength(1)
      return waited
    }

    test('what Python sends leaves the hands of our worker, and runs there once when it is due', async () => {
      const app = open('ours')
      const runs: Seen[] = []
      app.task('ts.when', () => {
        runs.push({ at: Date.now(), eta: currentTask().request.eta ?? null })
        return 'here'
      })
      const ours = await start(app)
      const caller = startPython(['interop.py', 'later'], { files, env: env('ours') })
      ends.push(() => caller.kill())
      const line = await caller.line('LATER ', { timeoutMs: 60_000 })
      const { before } = JSON.parse(line.slice('LATER '.length)) as { before: number }
      expect(await caller.line('RAN ', { timeoutMs: 60_000 })).toBe('RAN "here"')
      expect(runs).toHaveLength(1)
      const [{ at, eta }] = runs as [Seen]
      expect(Date.parse(eta as string)).toBeGreaterThanOrEqual(Math.floor(before * 1000) + 4000)
      expect(at).toBeGreaterThanOrEqual(Date.parse(eta as string))
      expect(ours.stats()).toMatchObject({ kept: 1, succeeded: 1 })
    }, 300_000)

    test('a Python worker runs what we send when it is due, with nobody else there', async () => {
      expect(await sendThere()).toBe(alone)
    }, 240_000)

    test('a Python worker runs what we send, which waits with the broker while a worker of ours is there', async () => {
      await start(open('elsewhere'))
      expect(await sendThere()).toBe('kept')
    }, 240_000)
  })
}
