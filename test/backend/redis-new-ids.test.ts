import { afterEach, expect, test } from 'vitest'
import type { BackendLink, BackendLinkOptions } from '../../src/backend/redis/backend-link.ts'
import { RedisBackend, parseRedisBackendUrl } from '../../src/backend/redis/redis-backend.ts'
import { systemClock } from '../../src/base/clock.ts'
import { RedisLostError, RedisReplyError } from '../../src/base/redis/redis-connection.ts'
import { until, within } from '../../src/testing/broker/scene.ts'

const FACTS = { version: '7.0.0', isCluster: false, isReplica: false, risks: [] }

function recordOf(id: string): string {
  return `{"status": "SUCCESS", "result": 5, "traceback": null, "children": [], "task_id": "${id}"}`
}

/** A server that answers when it is told to, and tells nobody of what is stored. */
class SlowServer {
  readonly records = new Map<string, string>()
  readonly heard: string[] = []
  read = 0
  isHeld = false
  #held: { resolve: () => void; reject: (error: Error) => void }[] = []
  #onClosed: BackendLinkOptions['onClosed'] = () => {}

  get waiting(): number {
    return this.#held.length
  }

  readonly open = async ({ onClosed }: BackendLinkOptions): Promise<BackendLink> => {
    this.#onClosed = onClosed
    const link = {
      isOpen: true,
      facts: FACTS,
      subscribe: async (channels: readonly string[]): Promise<void> => {
        if (this.isHeld) await new Promise<void>((resolve, reject) => this.#held.push({ resolve, reject }))
        this.heard.push(...channels)
      },
      unsubscribe: async () => {},
      run: async () => 1,
      runRaw: async () => [],
      call: async (_command: string, keys: readonly unknown[]) => {
        this.read++
        return keys.map((key) => this.records.get(String(key)) ?? null)
      },
      close: () => void (link.isOpen = false),
    }
    return link
  }

  answer(error?: Error): void {
    this.isHeld = false
    for (const { resolve, reject } of this.#held.splice(0)) {
      if (error) reject(error)
      else resolve()
    }
  }

  lose(): void {
    const lost = new RedisLostError('it is gone')
    this.answer(lost)
    this.#onClosed(lost)
  }
}

const open: RedisBackend[] = []

/** With a connection over which something was listened to. */
async function scene(): Promise<{ server: SlowServer; backend: RedisBackend }> {
  const server = new SlowServer()
  const backend = new RedisBackend({
    url: parseRedisBackendUrl('redis://127.0.0.1:1/0'),
    clock: systemClock,
    openLink: server.open,
    resultExpiresMs: 1000,
    maxPendingResults: 100,
    connectTimeoutMs: 5000,
    types: 'typed',
    serializer: 'json',
    accept: ['application/json'],
  })
  open.push(backend)
  await backend.start()
  await backend.expect('first', true)
  server.isHeld = true
  return { server, backend }
}

afterEach(async () => {
  for (const backend of open.splice(0)) await backend.stop()
})

test('a new id is expected at once, and an outcome that was stored before it was listened to is found', async () => {
  const { server, backend } = await scene()
  const expectation = await within('nothing is waited for', backend.expect('new', true))
  await until('it is subscribed to', () => server.waiting === 1)
  server.records.set('celery-task-meta-new', recordOf('new'))
  server.answer()
  expect((await within('it comes', expectation.done)).id).toBe('new')
})

test('many that nobody has told of are looked for together', async () => {
  const { server, backend } = await scene()
  const ids = Array.from({ length: 50 }, (_, i) => `new-${i}`)
  const expectations = await Promise.all(ids.map((id) => backend.expect(id, true)))
  await until('they are subscribed to', () => server.waiting === 1)
  const before = server.read
  for (const id of ids) server.records.set(`celery-task-meta-${id}`, recordOf(id))
  server.answer()
  await within('all come', Promise.all(expectations.map(({ done }) => done)))
  expect(server.read - before).toBe(1)
})

test('an id that others may know is listened to first', async () => {
  const { server, backend } = await scene()
  let isThere = false
  const expecting = backend.expect('known').then(() => (isThere = true))
  await until('it is subscribed to', () => server.waiting === 1)
  expect(isThere).toBe(false)
  server.answer()
  await within('it is there', expecting)
})

test('a new id whose connection is lost meanwhile is listened to and looked for over the next one', async () => {
  const { server, backend } = await scene()
  const expectation = await backend.expect('new', true)
  await until('it is subscribed to', () => server.waiting === 1)
  server.records.set('celery-task-meta-new', recordOf('new'))
  server.lose()
  expect((await within('it comes', expectation.done)).id).toBe('new')
  expect(server.heard).toContain('celery-task-meta-new')
})

test('who waits for a new id that may not be listened to is told why', async () => {
  const { server, backend } = await scene()
  const { done } = await backend.expect('new', true)
  await until('it is subscribed to', () => server.waiting === 1)
  server.answer(new RedisReplyError('NOPERM this user has no permissions'))
  await expect(within('it fails', done)).rejects.toMatchObject({ code: 'BACKEND_REFUSED' })
  expect(backend.waiting).toBe(1)
})
