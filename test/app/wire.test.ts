import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { afterEach, expect, test } from 'vitest'
import { type App, lovage, type GivenSettings, type TaskOptions, type CallOptions } from '../../src/index.ts'
import { systemClock } from '../../src/base/clock.ts'
import { readBody, readTask } from '../../src/protocol/task-message.ts'
import { capturedTasks } from '../protocol/captured.ts'
import type { Delivery } from '../../src/broker/broker.ts'

const apps: App[] = []
const NOW = Date.UTC(2026, 10, 21, 2, 3, 23, 514)

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()))
})

/** The message that a call makes, as it stands in its queue. */
async function sent(
  send: (app: App) => PromiseLike<unknown>,
  { settings = {}, queue = 'celery' }: { settings?: GivenSettings; queue?: string } = {},
): Promise<Delivery> {
  const clock = { ...systemClock, now: () => NOW }
  const app = lovage('wire', { broker: `memory://${randomUUID()}`, backend: 'rpc://', ...settings }, { env: {}, clock })
  apps.push(app)
  await send(app)
  const { broker } = await app.client()
  return await new Promise((resolve) => {
    void broker.consume({ queues: [queue], prefetch: 1, noAck: true, onDelivery: resolve })
  })
}

const call = (task: TaskOptions, options: CallOptions, settings?: GivenSettings, queue?: string): Promise<Delivery> =>
  sent((app) => app.task('add', task, (x: number, y: number) => x + y).applyAsync([2, 3], options), {
    ...(settings && { settings }),
    ...(queue && { queue }),
  })

test('a call is the message that Python sends for it', async () => {
  const python = capturedTasks('5.6.3').find((captured) => captured.case === 'no_args')
  const { message, exchange, routingKey } = await call({}, { taskId: 'id-1' })
  expect({ exchange, routingKey }).toEqual({ exchange: '', routingKey: 'celery' })
  expect(message).toMatchObject({
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    deliveryMode: 2,
    priority: 0,
    correlationId: 'id-1',
  })
  expect(message.replyTo).toMatch(/^[0-9a-f-]{36}\.packs$/)
  expect(message.expirationMs).toBeUndefined()
  expect(Buffer.from(message.body).toString()).toBe(
    '[[2, 3], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]',
  )
  expect(message.headers).toEqual({
    lang: 'js',
    task: 'add',
    id: 'id-1',
    shadow: null,
    eta: null,
    expires: null,
    group: null,
    group_index: null,
    retries: 0,
    timelimit: [null, null],
    root_id: 'id-1',
    parent_id: null,
    argsrepr: '(2, 3)',
    kwargsrepr: '{}',
    origin: `gen${process.pid}@${hostname()}`,
    ignore_result: false,
    replaced_task_nesting: 0,
    stamped_headers: null,
    stamps: {},
    'x-lovage-sent': NOW,
  })
  const theirs = Object.keys(python?.properties.headers ?? {})
  expect(Object.keys(message.headers)).toEqual([...theirs, 'x-lovage-sent'])
})

test('countdown, eta and expires go out as times, and the broker may drop what has expired', async () => {
  const later = await call({ expires: '1h' }, { countdown: '1s' })
  expect(later.message.headers).toMatchObject({
    eta: '2026-11-21T02:03:24.514000+00:00',
    expires: '2026-11-21T03:03:23.514000+00:00',
  })
  expect(later.message.expirationMs).toBe(3_600_000)
  const at = await call({ expires: '1h' }, { eta: new Date(NOW + 1_486), expires: new Date(NOW + 60_000.4) })
  expect(at.message.headers).toMatchObject({ eta: '2026-11-21T02:03:25+00:00' })
  expect(at.message.expirationMs).toBe(60_000)
})

test('a call for later waits with the broker until its eta, or its expiry where that is sooner; then a worker tells it', async () => {
  const clock = { ...systemClock, now: () => NOW }
  const app = lovage('wire', { broker: `memory://${randomUUID()}` }, { env: {}, clock })
  apps.push(app)
  const add = app.task('add', (x: number, y: number) => x + y)
  await add.applyAsync([2, 3], { countdown: '10s', expires: '1h' })
  await add.applyAsync([2, 3], { countdown: '2h', expires: '1h' })
  const { broker } = await app.client()
  const list = (await broker.delays?.list?.('celery', 9)) ?? []
  expect(list.map(({ atMs }) => atMs - NOW)).toEqual([10_000, 3_600_000])
  expect(list.map(({ message }) => message.expirationMs)).toEqual([undefined, undefined])
  expect(list[0]?.message.headers).toMatchObject({ eta: '2026-11-21T02:03:33.514000+00:00' })
})

test('an expiry that is too far for the broker is left to the worker', async () => {
  const { message } = await call({ expires: '50d' }, {})
  expect(message.headers.expires).toBe('2027-01-10T02:03:23.514000+00:00')
  expect(message.expirationMs).toBeUndefined()
})

test('limits go out in seconds, hard first, those of the call before those of the task', async () => {
  const own = await call({ timeLimit: '30s', softTimeLimit: '20s' }, {})
  expect(own.message.headers.timelimit).toEqual([30, 20])
  const called = await call({ timeLimit: '30s', softTimeLimit: '20s' }, { softTimeLimit: '500ms' })
  expect(called.message.headers.timelimit).toEqual([30, 0.5])
})

test('options of the call win over those of the task', async () => {
  const task: TaskOptions = { priority: 1, shadow: 'task', headers: { a: 'task', b: 1 } }
  const { message } = await call(task, { priority: 9, shadow: 'call', headers: { a: 'call', c: [true] } })
  expect(message.priority).toBe(9)
  expect(message.headers).toMatchObject({ shadow: 'call', a: 'call', b: 1, c: [true] })
})

test('who wants no result names no reply queue', async () => {
  const { message } = await call({ ignoreResult: true }, {})
  expect(message.headers.ignore_result).toBe(true)
  expect(message.replyTo).toBe('')
  expect((await call({ ignoreResult: true }, { ignoreResult: false })).message.replyTo).not.toBe('')
  expect((await call({}, { replyTo: 'there' })).message.replyTo).toBe('there')
})

test.each([
  [{ serializer: 'msgpack' }, {}, {}, 'application/x-msgpack', 'binary'],
  [{ serializer: 'msgpack' }, { serializer: 'yaml' }, {}, 'application/x-yaml', 'utf-8'],
  [{}, {}, { taskSerializer: 'yaml' }, 'application/x-yaml', 'utf-8'],
  [{ serializer: 'json' }, {}, { taskSerializer: 'yaml' }, 'application/json', 'utf-8'],
] as const)(
  'a body is written as call, task or settings say: %o %o %o',
  async (task, options, settings, type, encoding) => {
    const { message } = await call(task, options, settings)
    expect(message).toMatchObject({ contentType: type, contentEncoding: encoding })
    expect(readBody(readTask(message), { accept: [type] }).args).toEqual([2, 3])
  },
)

test.each([
  [{ taskCompression: 'gzip' }, {}, 'application/x-gzip'],
  [{ taskCompression: 'gzip' }, { compression: 'brotli' }, 'application/x-brotli'],
] as const)('a body is packed as settings or call say: %o %o', async (settings, options, type) => {
  const { message } = await call({}, options, settings)
  expect(message.headers.compression).toBe(type)
  expect(readBody(readTask(message)).args).toEqual([2, 3])
})

test('a compressed body is a zlib stream under the name that kombu gives it', async () => {
  const { message } = await call({ compression: 'zlib' }, {})
  expect(message.headers.compression).toBe('application/x-gzip')
  expect(Object.keys(message.headers).at(-1)).toBe('compression')
  const { inflateSync } = await import('node:zlib')
  expect(inflateSync(message.body).toString()).toMatch(/^\[\[2, 3\], /)
})

test.each<[string, TaskOptions, CallOptions, { exchange: string; routingKey: string }]>([
  ['the default queue', {}, {}, { exchange: '', routingKey: 'mine' }],
  ['the queue of the task', { queue: 'q' }, {}, { exchange: '', routingKey: 'q' }],
  ['the queue of the call', { queue: 'other' }, { queue: 'q' }, { exchange: '', routingKey: 'q' }],
  [
    'a queue, whatever routing key is named beside it',
    { queue: 'q' },
    { routingKey: 'k' },
    { exchange: '', routingKey: 'q' },
  ],
  ['a queue in place of an exchange', { exchange: 'e' }, { queue: 'q' }, { exchange: '', routingKey: 'q' }],
])('a call goes to %s', async (_, task, options, expected) => {
  const { exchange, routingKey } = await call(task, options, { defaultQueue: 'mine' }, expected.routingKey)
  expect({ exchange, routingKey }).toEqual(expected)
})

test('a call can go to an exchange that is there, and declares nothing of its own', async () => {
  const delivery = await sent(
    async (app) => {
      const { broker } = await app.client()
      await broker.declare({
        exchanges: [{ name: 'news', type: 'topic' }],
        queues: [{ name: 'reader' }],
        bindings: [{ exchange: 'news', queue: 'reader', routingKey: 'sport.*' }],
      })
      await app.sendTask('read', [], {}, { exchange: 'news', routingKey: 'sport.goal' })
    },
    { queue: 'reader' },
  )
  expect(delivery).toMatchObject({ exchange: 'news', routingKey: 'sport.goal' })
})

test('a queue that was deleted after it was declared is declared again', async () => {
  const delivery = await sent(async (app) => {
    const add = app.task('add', () => 1)
    await add.delay()
    const { broker } = await app.client()
    await broker.admin?.deleteQueue('celery')
    await add.applyAsync([], { taskId: 'second' })
  })
  expect(delivery.message.correlationId).toBe('second')
})

test('dates and bytes are typed, or dates plain for older Pythons', async () => {
  const bodyOf = async (settings: GivenSettings, ...args: unknown[]): Promise<string> =>
    Buffer.from((await sent((app) => app.sendTask('t', args), { settings })).message.body).toString()
  const typed = await bodyOf({}, new Date(NOW), Buffer.from('x'))
  expect(typed).toMatch('{"__type__": "datetime", "__value__": "2026-11-21T02:03:23.514000+00:00"}')
  expect(typed).toMatch('{"__type__": "bytes", "__value__": "x"}')
  const plain = { jsonTypes: 'plain' } as const
  expect(await bodyOf(plain, new Date(NOW))).toMatch('[["2026-11-21T02:03:23.514000Z"], ')
  await expect(bodyOf(plain, Buffer.from('x'))).rejects.toMatchObject({ code: 'ENCODE_FAILED' })
})

test('what the caller changes after the call does not change the message', async () => {
  const list = [1]
  const { message } = await sent((app) => {
    const sending = app.sendTask('t', [list])
    list.push(2)
    return sending
  })
  expect(Buffer.from(message.body).toString()).toMatch(/^\[\[\[1\]\], /)
})
