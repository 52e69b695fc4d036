import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Need } from '../../scripts/services.mjs'
import { type App, lovage } from '../../src/index.ts'
import { encodeBody, encodeTask, newRequest } from '../../src/protocol/task-message.ts'
import { type Worker, worker } from '../../src/worker/worker.ts'
import { run } from '../cli/lovage.ts'
import { available, describeWith } from '../services/available.ts'
import type { Child } from '../services/child.ts'
import { startPython } from '../services/python.ts'
import { brokerUrl } from '../services/rabbitmq.ts'
import { RedisNode } from '../services/redis-node.ts'
import { PATIENT } from '../services/patience.ts'

const FILES = { 'remote.py': readFileSync(new URL('remote-control.py', import.meta.url), 'utf8') }
const OURS = 'w1@ours'
const THEIRS = 'w2@theirs'
const LONG = { timeoutMs: 60_000 }

let redis: RedisNode
beforeAll(async () => {
  if (available('redis')) redis = await RedisNode.start()
})
afterAll(() => redis?.remove())

/** Most of what a program of Python's does is to start. */
async function threeAtATime<T>(all: readonly T[], each: (one: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < all.length; at += 3) await Promise.all(all.slice(at, at + 3).map(each))
}

interface Place {
  readonly broker: string
  readonly backend: string
}

/** Asks our worker and Python's, over the servers that `meet` gives; `each` as real programs of Celery's. */
function steered(name: string, needs: readonly Need[], meet: () => Promise<Place>, isWhole: boolean): void {
  describeWith([...needs, 'celery'], name, () => {
    let place: Place
    let app: App
    let ours: Worker
    let theirs: Child

    const python = (args: readonly string[], queue = 'celery'): Child =>
      startPython(args, { files: FILES, env: { BROKER: place.broker, BACKEND: place.backend, QUEUE: queue } })

    /** `celery -A remote ...`, to its end. */
    const celery = async (...args: readonly string[]): Promise<{ code: number | null; text: string }> => {
      const child = python(['-m', 'celery', '-A', 'remote', ...args])
      const { code } = await child.ended(LONG)
      return { code, text: child.lines.join('\n') }
    }

    const cli = (...args: readonly string[]): ReturnType<typeof run> =>
      run(args, { env: { LOVAGE_BROKER_URL: place.broker, LOVAGE_RESULT_BACKEND: place.backend } })

    beforeAll(async () => {
      place = await meet()
      app = lovage('remote', { ...place, ...PATIENT }, { env: {} })
      app.task('ts.add', { params: ['x', 'y'] }, (x: number, y: number) => x + y)
      ours = worker(app, { hostname: OURS, concurrency: 2 })
      await ours.start()
      const args = ['-m', 'celery', '-A', 'remote', 'worker', '-c', '1', '-P', 'solo', '-n', THEIRS, '-Q', 'python']
      theirs = python([...args, '-l', 'INFO'], 'python')
      await theirs.line(/ ready\./, LONG)
    })

    afterAll(async () => {
      await theirs?.kill()
      await ours?.stop()
      await app?.close()
    })

    /** A task that this worker holds, for Python to see. */
    const hold = async (): Promise<void> => {
      const { broker } = await app.client()
      const eta = new Date(Date.UTC(2036, 0, 1)).toISOString()
      const message = encodeTask(newRequest({ id: 'held', task: 'ts.add', eta, body: encodeBody([1, 2], {}) }))
      await broker.publish(message, { exchange: '', routingKey: 'celery' })
    }

    test('Celery’s client asks our worker everything, and has Celery’s answers', async () => {
      await hold()
      const child = python(['remote.py', 'ask', OURS])
      const line = await child.line(/^ASKED /, LONG)
      await child.ended(LONG)
      const all = JSON.parse(line.slice('ASKED '.length)) as Record<string, Record<string, unknown>>
      const ok = (text: unknown): unknown => [{ [OURS]: { ok: text } }]
      const error = (text: unknown): unknown => [{ [OURS]: { error: text } }]
      const queues = (answer: unknown): string[] =>
        ((answer as Record<string, { name: string }[]>)[OURS] ?? []).map((queue) => queue.name)
      expect(all).toMatchObject({
        ping: ok('pong'),
        pattern: ok('pong'),
        other: [],
        inspect_ping: { [OURS]: { ok: 'pong' } },
        stats: {
          [OURS]: {
            pid: process.pid,
            total: expect.any(Object),
            pool: { 'max-concurrency': 2 },
            broker: expect.any(Object),
          },
        },
        active: { [OURS]: [] },
        active_safe: { [OURS]: [] },
        reserved: { [OURS]: [] },
        scheduled: { [OURS]: expect.any(Array) },
        registered: { [OURS]: expect.arrayContaining([expect.stringMatching(/^ts\.add/)]) },
        registered_items: { [OURS]: expect.arrayContaining(['ts.add [max_retries=3]']) },
        conf_all: { [OURS]: { task_default_queue: 'celery', broker_url: expect.stringMatching(/^(amqp|redis):/) } },
        report: { [OURS]: { ok: expect.stringMatching(/software -> lovage:/) } },
        query_task: { [OURS]: expect.any(Object) },
        clock: { [OURS]: { clock: expect.any(Number) } },
        hello: { [OURS]: { revoked: { theirs: [expect.any(Number), 'theirs'] }, clock: expect.any(Number) } },
        memsample: { [OURS]: expect.stringMatching(/MB$/) },
        revoke: ok('tasks r-1 flagged as revoked'),
        revoke_many: ok(expect.stringMatching(/^tasks r-2, r-3 flagged as revoked$/)),
        terminate: ok(expect.stringMatching(/^terminate: /)),
        rate_limit: ok('new rate limit set successfully'),
        rate_unknown: error('unknown task'),
        rate_bad: error("KeyError('q')"),
        rate_off: ok('rate limit disabled successfully'),
        time_limit: ok('time limits set successfully'),
        add_consumer: ok('add consumer extra'),
        cancel_consumer: ok('no longer consuming from extra'),
        pool_grow: ok('pool will grow'),
        pool_shrink: ok('pool will shrink'),
        pool_restart: error("ValueError('Pool restarts not enabled')"),
        autoscale: error("ValueError('Autoscale not enabled')"),
        enable_events: ok('task events enabled'),
        disable_events: ok('task events disabled'),
        unknown: error("KeyError('no_such_command')"),
      })
      expect(all['revoked']?.[OURS]).toEqual(expect.arrayContaining(['r-1', 'r-2', 'r-3', 'held', 'theirs']))
      expect(queues(all['active_queues'])).toEqual(['celery'])
      expect(queues(all['queues_after'])).toEqual(['celery', 'extra'])
      // It all went past a worker that still works.
      expect(await app.sendTask<number>('ts.add', [2, 3]).get({ timeout: '60s' })).toBe(5)
    })

    test('our client asks Python’s worker and ours alike', async () => {
      const to = { destination: [OURS, THEIRS], timeout: '60s' as const }
      const inspect = app.control.inspect(to)
      expect(await inspect.ping()).toEqual({ [OURS]: { ok: 'pong' }, [THEIRS]: { ok: 'pong' } })
      const stats = await inspect.stats()
      expect(stats[THEIRS]).toMatchObject({ pid: theirs.pid, broker: { transport: expect.any(String) } })
      expect((await inspect.registered())[THEIRS]).toEqual(['py.add'])
      const shapes = async (ask: () => Promise<Readonly<Record<string, unknown>>>): Promise<unknown> => {
        const answers = await ask()
        return [answers[OURS], answers[THEIRS]].map((one) => Array.isArray(one))
      }
      for (const name of ['active', 'reserved', 'scheduled', 'revoked', 'activeQueues'] as const) {
        expect([name, await shapes(() => inspect[name]())]).toEqual([name, [true, true]])
      }
      const { control } = app
      const reply = { destination: THEIRS, timeout: '60s' as const, reply: true }
      const said = async (replies: Promise<readonly { value: unknown }[]>): Promise<unknown> =>
        (await replies).map(({ value }) => value)
      expect(await said(control.rateLimit('py.add', '10/m', reply))).toEqual([
        { ok: 'new rate limit set successfully' },
      ])
      expect(await said(control.timeLimit('py.add', { ...reply, hard: '20s', soft: '10s' }))).toEqual([
        { ok: 'time limits set successfully' },
      ])
      expect(await said(control.addConsumer('more', reply))).toEqual([{ ok: 'add consumer more' }])
      expect(await said(control.cancelConsumer('more', reply))).toEqual([{ ok: 'no longer consuming from more' }])
      const id = randomUUID()
      expect(await said(control.revoke(id, { ...reply, destination: [OURS, THEIRS] }))).toHaveLength(2)
      const revoked = await inspect.revoked()
      expect([revoked[OURS], revoked[THEIRS]]).toEqual([expect.arrayContaining([id]), expect.arrayContaining([id])])
      expect(await said(control.enableEvents(reply))).toEqual([{ ok: expect.stringMatching(/^task events/) }])
      expect(await said(control.broadcast('no_such', reply))).toEqual([{ error: "KeyError('no_such')" }])
    })

    test('a worker that starts learns from Python’s what is revoked', async () => {
      const id = randomUUID()
      await app.control.revoke(id, { destination: THEIRS, reply: true, timeout: '60s' })
      // Who starts waits a moment for the others; one that is busy answers later than that.
      const learned = async (): Promise<readonly string[]> => {
        const late = worker(app, { hostname: 'late@ours', queues: ['late'], concurrency: 1 })
        await late.start()
        const known = late.revoked()
        await late.stop()
        return known
      }
      await expect.poll(learned).toContain(id)
    })

    test('lovage status, inspect and control ask both', async () => {
      const both = ['-d', `${OURS},${THEIRS}`, '-t', '60']
      const status = await cli('status', ...both)
      expect(status).toMatchObject({ code: 0 })
      expect(status.text).toMatch(/w1@ours: OK/)
      expect(status.text).toMatch(/w2@theirs: OK/)
      expect(status.text).toMatch(/2 nodes online\./)
      const asked = await cli('inspect', 'registered', 'max_retries', ...both, '-j')
      expect(JSON.parse(asked.text)).toMatchObject({
        [OURS]: ['ts.add [max_retries=3]'],
        [THEIRS]: ['py.add [max_retries=3]'],
      })
      const told = await cli('control', 'rate_limit', 'nope', '5/s', ...both)
      expect(told.text.match(/ERROR/g)).toHaveLength(2)
      expect(told.text).toMatch(/unknown task/)
      const nobody = await cli('status', '-d', 'nobody@home', '-t', '0.2')
      expect(nobody).toMatchObject({ code: 69, text: expect.stringMatching(/No nodes replied within time constraint/) })
      expect(await cli('control', 'rate_limit', 'shop.add')).toMatchObject({ code: 2 })
    })

    if (!isWhole) return

    test('celery status, inspect and control run against our worker, each as a process of its own', async () => {
      const only = ['-d', OURS, '-t', '60']
      const status = await celery('status', ...only)
      expect(status).toMatchObject({ code: 0, text: expect.stringMatching(/w1@ours: OK\n+1 node online\./) })
      const questions: readonly (readonly [string, RegExp])[] = [
        ['ping', /pong/],
        ['stats', /"max-concurrency"/],
        ['active', /- empty -/],
        ['reserved', /- empty -/],
        ['scheduled', /OK/],
        ['revoked', /\* r-1/],
        ['registered', /\* ts\.add/],
        ['active_queues', /'name': 'celery'/],
        ['conf', /broker_url/],
        ['report', /software -> lovage/],
        ['query_task nowhere', /\{\}/],
        ['clock', /"clock"/],
        ['memsample', /MB/],
      ]
      await threeAtATime(questions, async ([question, answer]) => {
        const { code, text } = await celery('inspect', ...only, ...question.split(' '))
        expect([question, code, text]).toEqual([question, 0, expect.stringMatching(answer)])
      })
      const commands: readonly (readonly [string, RegExp])[] = [
        ['revoke c-1', /tasks c-1 flagged as revoked/],
        ['terminate SIGTERM c-2', /terminate: tasks unknown/],
        ['rate_limit ts.add 10/m', /new rate limit set successfully/],
        ['time_limit ts.add 10 20', /time limits set successfully/],
        ['add_consumer more', /add consumer more/],
        ['cancel_consumer more', /no longer consuming from more/],
        ['pool_grow 1', /pool will grow/],
        ['pool_shrink 1', /pool will shrink/],
        ['pool_restart', /Pool restarts not enabled/],
        ['autoscale 4 1', /Autoscale not enabled/],
        ['enable_events', /task events enabled/],
        ['disable_events', /task events disabled/],
      ]
      for (const [command, answer] of commands) {
        const { code, text } = await celery('control', ...only, ...command.split(' '))
        expect([command, code, text]).toEqual([command, 0, expect.stringMatching(answer)])
      }
      const { code, text } = await celery('call', 'ts.add', '-a', '[20, 22]')
      expect([code, text]).toEqual([0, expect.stringMatching(/[0-9a-f-]{36}/)])
      await celery('control', '-d', OURS, '-t', '0.5', 'shutdown')
      await ours.shutdownAsked
      await ours.stop()
      expect(ours.state).toBe('stopped')
    }, 300_000)
  })
}

steered(
  'remote control over RabbitMQ',
  ['rabbitmq'],
  async () => ({ broker: await brokerUrl(import.meta.url), backend: 'rpc://' }),
  true,
)
steered('remote control over Redis', ['redis'], async () => ({ broker: redis.url(0), backend: redis.url(1) }), false)
