import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { openBackend } from '../../src/backend/open.ts'
import { onLog, type LogRecord } from '../../src/base/log.ts'
import { openBroker } from '../../src/broker/open.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { success } from '../../src/testing/backend-suite.ts'
import { until } from '../../src/testing/broker/scene.ts'
import { describeWith } from '../services/available.ts'
import { freePort } from '../services/ports.ts'
import { RedisScene } from '../services/redis-scene.ts'

const ttlMs = 600_000
const claim = { claimMs: ttlMs }
const pem = (name: string): string => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url))

describeWith(['redis'], 'a store in Redis', () => {
  let tlsPort: number
  const redis = new RedisScene({
    args: async () => {
      tlsPort = await freePort()
      const files = ['--tls-cert-file', pem('server.pem'), '--tls-key-file', pem('server.key')]
      return ['--tls-port', String(tlsPort), ...files, '--tls-ca-cert-file', pem('ca.pem')]
    },
  })

  const started = async (url = redis.url()): Promise<Store> => {
    return await redis.started(openStore(url))
  }

  test('large answers come in pages of about a mebibyte, one entry at least', async () => {
    const store = await started()
    const log = store.log('test:pages')
    const due = store.due('test:pages')
    const value = new Uint8Array(400_000)
    for (let nth = 0; nth < 5; nth++) {
      await log.append(nth === 4 ? new Uint8Array(2_000_000) : value, { ttlMs, maxEntries: 10 })
      await due.put(`${nth}`, { atMs: nth, value })
    }
    const first = await log.read()
    expect(first.entries.length).toBe(2)
    const second = await log.read({ after: first.entries[1]?.position ?? 0 })
    const third = await log.read({ after: second.entries[1]?.position ?? 0 })
    expect(third.entries.map((entry) => entry.value.length)).toEqual([2_000_000])
    expect((await due.list()).length).toBe(2)
    const taken = await due.take({ claimMs: ttlMs })
    expect([taken.entries.length, taken.nextInMs]).toEqual([2, 0])
    expect((await due.take({ claimMs: ttlMs })).entries.map(({ id }) => id)).toEqual(['2', '3'])
  })

  test('thousands of entries of one time are listed page by page, each once, those in hand too', async () => {
    const due = (await started()).due('test:list')
    const ids = Array.from({ length: 1200 }, (_, nth) => `e${String(nth).padStart(4, '0')}`)
    await Promise.all(ids.map((id, nth) => due.put(id, { atMs: nth < 1100 ? 7 : Infinity, value: 'x' })))
    await due.take({ claimMs: ttlMs, limit: 500 })
    const listed: string[] = []
    for (let after: { atMs: number; id: string } | undefined; ;) {
      const page = await due.list({ limit: 333, ...(after && { after }) })
      listed.push(...page.map(({ id }) => id))
      after = page.at(-1)
      if (!after) break
    }
    expect(listed).toEqual(ids)
  })

  test('when the time of everything has passed, nothing is left but the newest number', async () => {
    const prefix = `${randomUUID()}:`
    const store = await started(`${redis.url()}?global_keyprefix=${prefix}`)
    const brief = { ttlMs: 2000 }
    await store.set('test:a', 'x', brief)
    await store.count('test:a', { ...brief, member: 'm' })
    await store.lease('test:a', { ...brief, slots: 2 })
    await store.lease('test:a', { ...brief, slots: 2 })
    await store.log('test:a').append('x', { ...brief, maxEntries: 1 })
    await store.log('test:a').append('y', { ...brief, maxEntries: 1 })
    await store.due('test:a').put('id', { atMs: 1, value: 'x' })
    const [taken] = (await store.due('test:a').take(claim)).entries
    expect((await redis.raw.keys(`${prefix}*`)).length).toBe(10)
    await store.due('test:a').remove('id', { ifVersion: taken?.version ?? 0 })
    await until('it is gone', async () => (await redis.raw.keys(`${prefix}*`)).length === 1)
    expect(await redis.raw.keys(`${prefix}*`)).toEqual([`${prefix}lovage:1:number`])
  })

  test('whoever is told of what is due is told once, and again when another has left it', async () => {
    const [one, two] = [await started(), await started()]
    let calls = 0
    const end = await two.due('test:told').onDue(() => calls++)
    await one.due('test:told').put('a', { atMs: 1, value: 'x' })
    await until('it is told', () => calls === 1)
    await one.due('test:told').put('b', { atMs: 2, value: 'x' })
    await one.due('test:told').take({ claimMs: 80, limit: 2 })
    await until('it is told again', () => calls >= 2)
    expect((await two.due('test:told').take(claim)).entries.length).toBe(2)
    end()
  })

  test('over TLS, with the authority that signed the server and a certificate of its own', async () => {
    const query = `?ssl_ca_certs=${pem('ca.pem')}&ssl_certfile=${pem('client.pem')}&ssl_keyfile=${pem('client.key')}`
    const url = `rediss://localhost:${tlsPort}/4${query}`
    const store = await started(url)
    await store.set('test:tls', 'x', { ttlMs })
    expect((await store.get('test:tls'))?.value).toBe('x')
    const backend = openBackend(url, { broker: openBroker(`memory://${randomUUID()}`) })
    await backend.start()
    const expected = await backend.expect('tls')
    await backend.put(success('tls', 7), {})
    expect((await expected.done).state).toBe('SUCCESS')
    await backend.stop()
    const stranger = openStore(`rediss://localhost:${tlsPort}/4`, { connectTimeoutMs: 1000 })
    await expect(stranger.start()).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' })
  })

  test('it is said once when the server may lose what it has', async () => {
    const said: LogRecord[] = []
    const end = onLog((record) => said.push(record))
    await redis.raw.config('SET', 'appendonly', 'no')
    try {
      await started(redis.url(6))
      await started(redis.url(6))
    } finally {
      await redis.raw.config('SET', 'appendonly', 'yes')
      end()
    }
    const risks = said.filter(({ room, message }) => room === 'store' && message === 'this Redis may lose messages')
    expect(risks.length).toBe(1)
  })
})
