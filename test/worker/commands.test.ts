import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Inspect } from '../../src/app/inspect.ts'
import { COMMAND_NAMES } from '../../src/worker/commands/table.ts'
import type { Worker } from '../../src/worker/worker.ts'
import { Bench, waiting } from './bench.ts'

const NODE = 'w1@vm'
const LATER = '2036-01-01T01:00:00+00:00'

let bench: Bench
let made: Worker
let release: (count?: number) => void
let inspect: Inspect
const begun: string[] = []

beforeAll(async () => {
  bench = new Bench({ acceptContent: ['json', 'msgpack'] })
  const tasks = waiting(bench)
  release = tasks.release
  bench.app.task('shop.add', { rateLimit: '2/s', maxRetries: 3 }, (x: number, y: number) => x + y)
  bench.app.task('celery.hidden', () => 1)
  made = await bench.worker({ hostname: NODE, concurrency: 1, prefetch: 3, remoteControl: true, queues: ['celery'] })
  inspect = bench.app.control.inspect({ limit: 1, timeout: '60s' })
  begun.push(...tasks.begun)
})
afterAll(() => bench[Symbol.asyncDispose]())

const ask = async (command: string, given: Record<string, unknown> = {}): Promise<unknown> =>
  (await inspect.ask(command, given))[NODE]

/** Asks until it is so: what comes in comes by its own message. */
async function until<T>(look: () => Promise<T> | T, isSo: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await look()
    if (isSo(value)) return value
    await ask('ping')
  }
}

describe('questions', () => {
  test('of what runs, waits and is held are answered in Celery’s shapes', async () => {
    await bench.publish({ task: 'wait', id: 'runs', shadow: 'shown' }, ['a'])
    await bench.publish({ task: 'wait', id: 'waits', argsrepr: "('b',)", kwargsrepr: '{}' }, ['b'])
    await bench.publish({ task: 'wait', id: 'held', eta: LATER }, ['c'])
    await until(
      () => made.stats(),
      ({ running, waiting: waits, held }) => running + waits + held === 3,
    )
    const info = {
      id: 'runs',
      name: 'shown',
      args: ['a'],
      kwargs: {},
      type: 'wait',
      hostname: NODE,
      time_start: expect.any(Number),
      acknowledged: false,
      delivery_info: { exchange: '', routing_key: 'celery', priority: 0, redelivered: false },
      worker_pid: process.pid,
    }
    const waits = { ...info, id: 'waits', name: 'wait', args: ['b'], time_start: null, worker_pid: null }
    const held = { ...waits, id: 'held', args: ['c'] }
    expect(await ask('active')).toEqual([info])
    expect(await ask('reserved')).toEqual([waits])
    expect(await ask('scheduled')).toEqual([{ eta: LATER, priority: 6, request: held }])
    expect(await ask('dump_reserved')).toEqual([waits])
    expect(await ask('active', { safe: true })).toMatchObject([{ id: 'runs', args: expect.any(String) }])
    expect(await ask('query_task', { ids: ['runs', 'waits', 'held', 'nowhere'] })).toEqual({
      runs: ['active', info],
      waits: ['reserved', waits],
      held: ['ready', held],
    })
    expect(await ask('query_task', { ids: 'runs' })).toEqual({ runs: ['active', info] })
    expect(await ask('revoke', { task_id: 'held' })).toEqual({ ok: 'tasks held flagged as revoked' })
    expect(await ask('terminate', { task_id: ['waits', 'no'], signal: 'KILL' })).toEqual({ ok: 'terminate: waits' })
    expect(await ask('revoke', { task_id: 'runs', terminate: true })).toEqual({ ok: 'terminate: runs' })
    expect(await ask('revoked')).toEqual(['held', 'waits', 'no', 'runs'])
    await until(
      () => made.stats(),
      ({ revoked }) => revoked === 3,
    )
    release()
    expect(await ask('active')).toEqual([])
  })

  test('of the worker itself give what Celery’s give, member by member', async () => {
    const fixture = JSON.parse(
      readFileSync(new URL('../fixtures/celery/fleet-5.2.6.json', import.meta.url), 'utf8'),
    ) as unknown
    const stats = (await ask('stats')) as Record<string, Record<string, unknown>>
    const theirs = captured(fixture, 'stats') as Record<string, Record<string, unknown>>
    for (const name of Object.keys(theirs)) expect(stats, name).toHaveProperty([name])
    for (const name of Object.keys(theirs['broker'] ?? {})) expect(stats['broker']).toHaveProperty([name])
    expect(Object.keys(stats['rusage'] ?? {})).toEqual(Object.keys(theirs['rusage'] ?? {}))
    expect(stats).toMatchObject({ pid: process.pid, total: { wait: 1 }, pool: { 'max-concurrency': 1 } })
    expect(stats['clock']).toMatch(/^\d+$/)
    const queues = (await ask('active_queues')) as Record<string, unknown>[]
    expect(queues).toEqual(captured(fixture, 'active_queues'))
    expect(await ask('clock')).toEqual({ clock: expect.any(Number) })
    expect(await ask('report')).toEqual({ ok: expect.stringMatching(/^\nsoftware -> lovage:/) })
  })

  test('of tasks give those of their options that were asked for, and built-in ones only when asked', async () => {
    expect(await ask('registered')).toEqual(['shop.add [rate_limit=2/s]', 'wait'])
    expect(await ask('registered', { taskinfoitems: ['max_retries', 'nothing'], builtins: true })).toEqual([
      'celery.hidden [max_retries=3]',
      'shop.add [max_retries=3]',
      'wait [max_retries=3]',
    ])
  })

  test('of settings give no passwords', async () => {
    expect(await ask('conf')).toEqual({
      broker_url: expect.stringMatching(/^memory:/),
      result_backend: expect.stringMatching(/^memory:/),
      store: expect.any(String),
      accept_content: expect.any(Array),
      result_accept_content: expect.any(Array),
    })
    const all = (await ask('conf', { with_defaults: true })) as Record<string, unknown>
    expect(all).toMatchObject({ task_default_queue: 'celery', worker_concurrency: 1, result_expires: 86_400 })
  })
})

/** The value that Celery's worker gave in the capture. */
function captured(fixture: unknown, method: string): unknown {
  const found: unknown[] = []
  const visit = (value: unknown): void => {
    if (typeof value === 'string' && value.startsWith('{')) {
      try {
        return visit(JSON.parse(value))
      } catch {
        return undefined
      }
    }
    if (typeof value !== 'object' || value === null) return undefined
    found.push(value)
    for (const one of Object.values(value)) visit(one)
    return undefined
  }
  visit(fixture)
  const isStats = (value: object): boolean => 'rusage' in value
  const isQueues = (value: object): boolean =>
    Array.isArray(value) && typeof value[0] === 'object' && value.length === 1 && 'queue_arguments' in value[0]
  const wanted = method === 'stats' ? isStats : isQueues
  const [first] = found.filter((value) => wanted(value as object))
  if (!first) throw new Error(`nothing captured of ${method}`)
  return first
}

describe('commands', () => {
  test('answer in Celery’s words, also where something is wrong', async () => {
    const answers: readonly (readonly [string, Record<string, unknown>, unknown])[] = [
      ['ping', {}, { ok: 'pong' }],
      ['rate_limit', { task_name: 'shop.add', rate_limit: '10/m' }, { ok: 'new rate limit set successfully' }],
      ['rate_limit', { task_name: 'shop.add', rate_limit: 'bogus/q' }, { error: "KeyError('q')" }],
      ['rate_limit', { task_name: 'nope', rate_limit: '1/s' }, { error: 'unknown task' }],
      ['rate_limit', { task_name: 'shop.add', rate_limit: 0 }, { ok: 'rate limit disabled successfully' }],
      ['rate_limit', { task_name: 'shop.add', rate_limit: '5' }, { ok: 'new rate limit set successfully' }],
      [
        'rate_limit',
        { task_name: 'shop.add', rate_limit: 'often' },
        { error: expect.stringMatching(/^Invalid rate limit string: ValueError\(/) },
      ],
      [
        'rate_limit',
        { wrong_kw: 1 },
        {
          error: "TypeError(\"rate_limit() missing 2 required positional arguments: 'task_name' and 'rate_limit'\")",
        },
      ],
      ['time_limit', { task_name: 'shop.add', hard: 20, soft: 10 }, { ok: 'time limits set successfully' }],
      ['time_limit', { task_name: 'nope', hard: 1, soft: 1 }, { error: 'unknown task' }],
      [
        'time_limit',
        { task_name: 'shop.add', hard: 1, soft: 2 },
        { error: expect.stringMatching(/^ValueError\(.*soft/) },
      ],
      ['time_limit', { task_name: 'shop.add', hard: 'x' }, { error: expect.stringMatching(/^ValueError\(/) }],
      ['pool_grow', { n: 1 }, { ok: 'pool will grow' }],
      ['pool_shrink', { n: 1 }, { ok: 'pool will shrink' }],
      ['pool_grow', { n: 999_999 }, { error: expect.stringMatching(/^ValueError\(.*1000000 slots, more than 999999/) }],
      ['pool_grow', { n: 999_998 }, { ok: 'pool will grow' }],
      ['pool_grow', { n: 1 }, { error: expect.stringMatching(/^ValueError/) }],
      ['pool_shrink', { n: 999_998 }, { ok: 'pool will shrink' }],
      ['pool_grow', { n: -1 }, { error: expect.stringMatching(/^ValueError/) }],
      ['autoscale', { max: 4, min: 1 }, { error: "ValueError('Autoscale not enabled')" }],
      ['autoscale', { most: 4 }, { error: expect.stringMatching(/unexpected keyword argument 'most'/) }],
      ['pool_restart', { modules: null }, { error: "ValueError('Pool restarts not enabled')" }],
      ['enable_events', {}, { ok: 'task events enabled' }],
      ['enable_events', {}, { ok: 'task events already enabled' }],
      ['disable_events', {}, { ok: 'task events disabled' }],
      ['disable_events', {}, { ok: 'task events already disabled' }],
      ['revoke', { task_id: 'abc-1', terminate: false, signal: 'SIGTERM' }, { ok: 'tasks abc-1 flagged as revoked' }],
      ['revoke', { task_id: ['a', 'b', 'a'] }, { ok: 'tasks a, b flagged as revoked' }],
      ['revoke', { task_id: 'abc-4', terminate: true, signal: 'SIGKILL' }, { ok: 'terminate: tasks unknown' }],
      ['revoke', { task_id: 'x', terminate: true, signal: 'SIGFOO' }, { error: "AttributeError('SIGFOO')" }],
      ['revoke', { task_id: { a: 1 } }, { error: expect.stringMatching(/^ValueError/) }],
      [
        'revoke_by_stamped_headers',
        { headers: { user: 'ann' } },
        { ok: "headers {'user': 'ann'} flagged as revoked, but not terminated" },
      ],
      [
        'revoke_by_stamped_headers',
        { headers: ['user=bob'], terminate: true },
        { ok: "headers {'user': 'bob'} were not terminated" },
      ],
      ['no_such_command', {}, { error: "KeyError('no_such_command')" }],
      ['constructor', {}, { error: "KeyError('constructor')" }],
      ['__proto__', {}, { error: "KeyError('__proto__')" }],
      ['shutdown', { how: 'at once' }, { error: expect.stringMatching(/^ValueError\('how must be warm, soft, cold/) }],
      ['election', { id: '1', topic: 'task', action: 'x' }, null],
      ['heartbeat', {}, null],
      ['memsample', {}, expect.stringMatching(/^\d+\.\d\dMB$/)],
      ['memdump', {}, { error: expect.stringMatching(/^ImportError\('memdump/) }],
      ['objgraph', {}, { error: expect.stringMatching(/^ImportError\('objgraph/) }],
    ]
    for (const [command, given, answer] of answers) {
      expect([command, given, await ask(command, given)]).toEqual([command, given, answer])
    }
    expect(new Set(COMMAND_NAMES).size).toBeGreaterThan(30)
  })

  test('of queues have the worker read them, and no longer', async () => {
    const { broker } = await bench.app.client()
    expect(await ask('add_consumer', { queue: 'images', exchange: null, exchange_type: 'direct' })).toEqual({
      ok: 'add consumer images',
    })
    expect(await bench.app.sendTask<number>('shop.add', [1, 2], {}, { queue: 'images' }).get({ timeout: '60s' })).toBe(
      3,
    )
    expect(
      await ask('add_consumer', { queue: 'media', exchange: 'm', exchange_type: 'topic', routing_key: 'a.#' }),
    ).toEqual({ ok: 'add consumer media' })
    const sent = await bench.app.sendTask<number>('shop.add', [3, 4], {}, { exchange: 'm', routingKey: 'a.b.c' })
    expect(await sent.get({ timeout: '60s' })).toBe(7)
    const queues = (await ask('active_queues')) as { name: string; exchange: { name: string; type: string } }[]
    expect(queues.map(({ name, exchange }) => [name, exchange.name, exchange.type])).toEqual([
      ['celery', 'celery', 'direct'],
      ['images', 'images', 'direct'],
      ['media', 'm', 'topic'],
    ])
    expect(await ask('cancel_consumer', { queue: 'images' })).toEqual({ ok: 'no longer consuming from images' })
    expect(await ask('cancel_consumer', { queue: 'nowhere' })).toEqual({ ok: 'no longer consuming from nowhere' })
    expect(await broker.admin?.depth('images')).toMatchObject({ consumers: 0 })
    expect(await broker.admin?.depth('celery')).toMatchObject({ consumers: 1 })
    expect(await ask('add_consumer', { queue: '' })).toEqual({ error: expect.stringMatching(/queue/) })
    expect(await ask('add_consumer', { queue: 'q', exchange_type: 'headers' })).toEqual({
      error: expect.stringMatching(/^ValueError\('exchange_type/),
    })
  })

  test('give other time limits to tasks whose calls name none', async () => {
    const stuck = (): Promise<unknown> => bench.app.sendTask('wait', ['slow']).get({ timeout: '60s' })
    await ask('time_limit', { task_name: 'wait', hard: 0.05, soft: null })
    await expect(stuck()).rejects.toMatchObject({ excType: 'TimeLimitExceeded' })
    const told = (): Promise<unknown> => ask('registered', { taskinfoitems: ['time_limit', 'soft_time_limit'] })
    expect(await told()).toContain('wait [time_limit=0.05]')
    await ask('time_limit', { task_name: 'wait', hard: null, soft: null })
    expect(await told()).toContain('wait')
  })

  test('end tasks by their stamps', async () => {
    await ask('revoke_by_stamped_headers', { headers: { shop: ['one', 'two'] } })
    const stamps = { stampedHeaders: ['shop'], stamps: { shop: ['two'] } }
    await bench.publish({ task: 'shop.add', id: 'stamped', ...stamps }, [1, 2])
    await until(
      () => bench.ending('stamped'),
      ({ state }) => state !== 'PENDING',
    )
    expect(await bench.ending('stamped')).toMatchObject({ state: 'REVOKED' })
  })

  test('exchange what is revoked, with times that Python can read', async () => {
    const answer = (await ask('hello', { from_node: 'other@host', revoked: { theirs: 1795227528.67, bad: null } })) as {
      revoked: Record<string, [number, string]>
      clock: number
    }
    expect(answer.revoked['theirs']).toEqual([expect.any(Number), 'theirs'])
    for (const [at] of Object.values(answer.revoked)) expect(Number.isInteger(at)).toBe(false)
    expect(answer.clock).toBeGreaterThan(0)
    expect(await ask('revoked')).toEqual(expect.arrayContaining(['theirs']))
    expect(await ask('hello', { from_node: NODE, revoked: null })).toBe(null)
  })

  test('end the worker warmly, last of all', async () => {
    await bench.app.control.shutdown({ destination: NODE })
    await made.shutdownAsked
    await made.stop()
    expect(made.state).toBe('stopped')
    expect(await bench.app.control.inspect({ timeout: '10ms' }).ping()).toEqual({})
  })
})
