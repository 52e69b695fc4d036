import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type App, lovage } from '../../src/index.ts'
import type { Need } from '../../scripts/services.mjs'
import { type Worker, worker, type WorkerOptions } from '../../src/worker/worker.ts'
import { lovage as command } from '../cli/lovage.ts'
import { Watch } from '../fleet/watching.ts'
import { available, describeWith } from '../services/available.ts'
import type { Child } from '../services/child.ts'
import { startPython } from '../services/python.ts'
import { brokerUrl } from '../services/rabbitmq.ts'
import { RedisNode } from '../services/redis-node.ts'
import { PATIENT } from '../services/patience.ts'

let redis: RedisNode
beforeAll(async () => {
  if (available('redis')) redis = await RedisNode.start()
})
afterAll(() => redis?.remove())

const LONG = { timeoutMs: 60_000 }
const files = { 'interop.py': readFileSync(new URL('celery-app.py', import.meta.url), 'utf8') }

bothSee('RabbitMQ', ['rabbitmq', 'celery'], async () => ({
  broker: await brokerUrl(import.meta.url),
  backend: 'rpc://',
}))
bothSee('Redis', ['redis', 'celery'], async () => ({ broker: redis.url(0), backend: redis.url(1) }))

function bothSee(name: string, needs: readonly Need[], urls: () => Promise<{ broker: string; backend: string }>): void {
  describeWith(needs, `events over ${name}`, () => {
    const ends: (() => unknown)[] = []
    afterEach(async () => {
      for (const end of ends.splice(0).toReversed()) await end()
    })
    let given: { broker: string; backend: string }
    beforeAll(async () => {
      given = await urls()
    })

    const celery = (args: readonly string[], queue: string): Child => {
      const env = { BROKER: given.broker, BACKEND: given.backend, QUEUE: queue }
      const child = startPython(['-m', 'celery', '-A', 'interop', ...args], { files, env })
      ends.push(() => child.kill())
      return child
    }
    const open = (queue: string): App => {
      const app = lovage('told', { ...given, defaultQueue: queue, ...PATIENT })
      ends.push(() => app.close())
      return app
    }
    const ours = async (app: App, options: WorkerOptions): Promise<Worker> => {
      const made = worker(app, options)
      ends.push(() => made.stop())
      await made.start()
      return made
    }

    test('celery events --dump shows what our worker does', async () => {
      const app = open(`ours-${randomUUID()}`)
      const add = app.task('ts.add', (x: number, y: number) => x + y)
      const fail = app.task('ts.fail', () => {
        throw new RangeError('no such value')
      })
      const hostname = 'ours@here'
      const dump = celery(['events', '--dump'], 'celery')
      const running = await ours(app, { events: true, heartbeatInterval: 100, hostname })
      // From here on it listens, whatever was told before.
      const beat = await dump.line(/^ours@here \[.*\] heartbeat: /, LONG)
      expect(beat).toMatch(/active=0, .*freq=0\.1, .*processed=0, .*sw_ident=lovage, sw_sys=Linux, .*utcoffset=/)
      const sum = await add.delay(2, 3)
      const received = await dump.line(/task received: /, LONG)
      expect(received).toContain(`ts.add(${sum.id}) args=(2, 3) kwargs={} clock=`)
      expect(received).toContain(`eta=None, expires=None, `)
      expect(received).toContain(`parent_id=None, pid=${process.pid}, retries=0, root_id=${sum.id}`)
      expect(await dump.line(/task started: /, LONG)).toContain(`ts.add(${sum.id})`)
      expect(await dump.line(/task succeeded: /, LONG)).toMatch(/ts\.add\(.*result=5, runtime=\d/)
      await fail.delay()
      expect(await dump.line(/task failed: /, LONG)).toContain("exception=ValueError('no such value')")
      await running.stop()
      expect(await dump.line(/^ours@here \[.*\] shutdown: /, LONG)).toContain('processed=2')
    })

    test('lovage events shows what a Python worker does, and ours', async () => {
      const queue = `theirs-${randomUUID()}`
      const app = open(queue)
      const env = { LOVAGE_BROKER_URL: given.broker, LOVAGE_RESULT_BACKEND: given.backend }
      const shown = command(['events', '--json'], { env })
      ends.push(() => shown.kill())
      await shown.line(/listening/, LONG)
      const live = command(['events', '--type', 'task-*', '--worker', 'py@*', '--task', 'py.*', '--count', '5'], {
        env,
      })
      ends.push(() => live.kill())
      await live.line(/listening/, LONG)
      const theirs = celery(['worker', '-P', 'solo', '-E', '-n', 'py@here', '-Q', queue, '-l', 'INFO'], queue)
      await theirs.line(/ ready\./, LONG)
      const sum = await app.sendTask<number>('py.add', [2, 3])
      expect(await sum.get({ timeout: '60s' })).toBe(5)
      const failed = await app.sendTask('py.fail', ['own'])
      await expect(failed.get({ timeout: '60s' })).rejects.toThrow('will not')
      const events = async (pattern: RegExp): Promise<Record<string, unknown>> =>
        JSON.parse(await shown.line(pattern, LONG)) as Record<string, unknown>
      expect(await events(/"task-received"/)).toMatchObject({ hostname: 'py@here', uuid: sum.id, name: 'py.add' })
      expect(await events(/"task-succeeded"/)).toMatchObject({ hostname: 'py@here', uuid: sum.id, result: '5' })
      expect(await events(/"task-failed"/)).toMatchObject({
        uuid: failed.id,
        // What stands in `exception` is not the same in all versions of what Celery uses to start its children.
        traceback: expect.stringContaining("raise Stubborn('will not', 7)") as string,
      })
      expect(await events(/"worker-online"/)).toMatchObject({ hostname: 'py@here', sw_ident: 'py-celery' })
      expect((await live.ended(LONG)).code).toBe(0)
      const lines = live.lines.filter((line) => line.includes('py@here'))
      expect(lines).toHaveLength(5)
      expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} {2}py@here {2}task-received {2}py\.add {2}/)
      expect(lines.some((line) => /task-succeeded +py\.add +\S+ +SUCCESS +in .*: 5$/.test(line))).toBe(true)

      app.task('ts.add', (x: number, y: number) => x + y)
      await theirs.kill()
      await ours(app, { events: true, hostname: 'ours@here' })
      const { id } = await app.sendTask<number>('ts.add', [1, 1])
      const told = await events(new RegExp(`"${id}".*"task-succeeded"`))
      expect(told).toMatchObject({ hostname: 'ours@here', result: '2' })
    })

    test('a Python client that tells of what it sends is heard, and the clock goes on past all', async () => {
      const app = open('sent')
      const { broker } = await app.client()
      await using watch = await Watch.start(broker)
      const script = `
import os
from celery import Celery
app = Celery('sender', broker=os.environ['BROKER'], backend=os.environ['BACKEND'])
app.conf.task_send_sent_event = True
app.send_task('some.task', (1,), queue='elsewhere', task_id='sent-by-python')
`
      const env = { BROKER: given.broker, BACKEND: given.backend }
      const sender = startPython(['-c', script], { env })
      ends.push(() => sender.kill())
      const { fields } = await watch.event('task-sent', 'sent-by-python')
      expect(fields).toMatchObject({ name: 'some.task', args: '(1,)', queue: 'elsewhere', routing_key: 'elsewhere' })
      expect(watch.lamport.value).toBeGreaterThan(0)
    })
  })
}
