import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { Mailbox } from '../../src/fleet/mailbox.ts'
import { LamportClock } from '../../src/fleet/lamport.ts'
import { type App, lovage, onLog } from '../../src/index.ts'
import { type ControlRequest, encodeReply, readControl } from '../../src/protocol/control.ts'

interface Heard {
  readonly app: App
  readonly heard: ControlRequest[]
  [Symbol.asyncDispose](): Promise<void>
}

async function withNodes(...names: readonly string[]): Promise<Heard> {
  const app = lovage('control', { broker: `memory://${randomUUID()}` }, { env: {} })
  const { broker } = await app.client()
  const heard: ControlRequest[] = []
  const mailboxes: Mailbox[] = []
  for (const hostname of names) {
    const answer = (request: ControlRequest): unknown => {
      heard.push(request)
      return { ok: 'pong' }
    }
    const mailbox = new Mailbox({ broker, hostname, lamport: new LamportClock(), pidbox: app.pidbox, answer })
    mailboxes.push(mailbox)
    await mailbox.start()
  }
  return {
    app,
    heard,
    async [Symbol.asyncDispose]() {
      for (const mailbox of mailboxes) await mailbox.stop()
      await app.close()
    },
  }
}

test('each command travels with Celery’s name and arguments', async () => {
  await using nodes = await withNodes('a@one')
  const { control } = nodes.app
  await control.revoke('x')
  await control.revoke(['x', 'y'], { terminate: true, signal: 'KILL' })
  await control.terminate('z')
  await control.revokeByStampedHeaders({ user: ['ann'] })
  await control.rateLimit('shop.add', '10/m')
  await control.timeLimit('shop.add', { soft: '10s', hard: '1m' })
  await control.timeLimit('shop.add')
  await control.addConsumer('images')
  await control.addConsumer('images', { exchange: 'media', exchangeType: 'topic', routingKey: 'image.#' })
  await control.cancelConsumer('images')
  await control.enableEvents()
  await control.disableEvents()
  await control.poolGrow()
  await control.poolShrink(2)
  await control.autoscale(10, 2)
  await control.poolRestart()
  await control.shutdown({ destination: 'a@one' })
  await control.shutdown({ destination: 'a@one', how: 'cold' })
  await control.heartbeat()
  await control.ping({ destination: ['a@one'] })
  expect(nodes.heard.map(({ method, arguments: given }) => [method, given])).toEqual([
    ['revoke', { task_id: 'x', terminate: false, signal: 'SIGTERM' }],
    ['revoke', { task_id: ['x', 'y'], terminate: true, signal: 'KILL' }],
    ['revoke', { task_id: 'z', terminate: true, signal: 'SIGTERM' }],
    ['revoke_by_stamped_headers', { headers: { user: ['ann'] }, terminate: false, signal: 'SIGTERM' }],
    ['rate_limit', { task_name: 'shop.add', rate_limit: '10/m' }],
    ['time_limit', { task_name: 'shop.add', hard: 60, soft: 10 }],
    ['time_limit', { task_name: 'shop.add', hard: null, soft: null }],
    ['add_consumer', { queue: 'images', exchange: null, exchange_type: 'direct', routing_key: null }],
    ['add_consumer', { queue: 'images', exchange: 'media', exchange_type: 'topic', routing_key: 'image.#' }],
    ['cancel_consumer', { queue: 'images' }],
    ['enable_events', {}],
    ['disable_events', {}],
    ['pool_grow', { n: 1 }],
    ['pool_shrink', { n: 2 }],
    ['autoscale', { max: 10, min: 2 }],
    ['pool_restart', { modules: null, reload: false, reloader: null }],
    ['shutdown', {}],
    ['shutdown', { how: 'cold' }],
    ['heartbeat', {}],
    ['ping', {}],
  ])
  expect(nodes.heard.map(({ reply }) => reply !== undefined)).toEqual([
    ...Array.from({ length: 19 }, () => false),
    true,
  ])
})

test('questions give answers by node, and say so where two nodes have one name', async () => {
  await using nodes = await withNodes('a@one', 'b@one')
  const inspect = nodes.app.control.inspect({ limit: 2, timeout: '60s' })
  expect(await inspect.ping()).toEqual({ 'a@one': { ok: 'pong' }, 'b@one': { ok: 'pong' } })
  const asked: (() => Promise<unknown>)[] = [
    () => inspect.active({ safe: true }),
    () => inspect.reserved(),
    () => inspect.scheduled(),
    () => inspect.revoked(),
    () => inspect.registered('rate_limit'),
    () => inspect.stats(),
    () => inspect.activeQueues(),
    () => inspect.conf({ withDefaults: true }),
    () => inspect.report(),
    () => inspect.queryTask('x', 'y'),
    () => inspect.clock(),
  ]
  nodes.heard.length = 0
  for (const ask of asked) expect(Object.keys((await ask()) as object)).toEqual(['a@one', 'b@one'])
  expect(nodes.heard.filter((_, at) => at % 2 === 0).map(({ method, arguments: given }) => [method, given])).toEqual([
    ['active', { safe: true }],
    ['reserved', {}],
    ['scheduled', {}],
    ['revoked', {}],
    ['registered', { taskinfoitems: ['rate_limit'] }],
    ['stats', {}],
    ['active_queues', {}],
    ['conf', { with_defaults: true }],
    ['report', {}],
    ['query_task', { ids: ['x', 'y'] }],
    ['clock', {}],
  ])
})

test('a name that answers twice is told of', async () => {
  await using nodes = await withNodes('a@one')
  const { broker } = await nodes.app.client()
  const said: unknown[] = []
  const end = onLog(({ message, fields }) => void said.push([message, fields['hostnames']]))
  const inspect = nodes.app.control.inspect({ limit: 2, timeout: '60s' })
  // A node of that name with a queue of its own: two hosts that were given the same name by mistake.
  const queue = { name: 'other', autoDelete: true }
  await broker.declare({ queues: [queue], bindings: [{ exchange: 'celery.pidbox', queue: 'other', routingKey: '' }] })
  await broker.consume({
    queues: ['other'],
    prefetch: 0,
    noAck: true,
    onDelivery: ({ message }) => {
      const { reply } = readControl(message)
      if (reply)
        void broker.publish(encodeReply({ ...reply, hostname: 'a@one', value: { ok: 'pong' }, clock: 1 }), reply)
    },
  })
  expect(await inspect.ping()).toEqual({ 'a@one': { ok: 'pong' } })
  end()
  expect(said).toEqual([['several workers answered by one name', ['a@one']]])
})

test('options that are none are refused by name', async () => {
  await using nodes = await withNodes()
  const { control } = nodes.app
  const refused = { code: 'OPTION_INVALID' }
  await expect(control.ping({ destination: [1] as never })).rejects.toMatchObject(refused)
  await expect(control.shutdown({ destination: [] })).rejects.toMatchObject(refused)
  await expect(control.shutdown({ pattern: 'web*' })).rejects.toMatchObject(refused)
  await expect(control.shutdown({ pattern: '', matcher: 'glob' })).rejects.toMatchObject(refused)
  await expect(control.shutdown({ matcher: 'pcre' })).rejects.toMatchObject(refused)
  await expect(control.shutdown({ pattern: 'a', matcher: 'sql' as never })).rejects.toMatchObject(refused)
  await expect(control.ping({ limit: 0 })).rejects.toMatchObject(refused)
  await expect(control.ping({ timeout: 'soon' as never })).rejects.toThrow(/soon/)
  await expect(control.timeLimit('x', { hard: 0 })).rejects.toMatchObject(refused)
})
