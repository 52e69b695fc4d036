import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { Redis } from 'ioredis'
import type { ResultBackend } from '../../src/backend/backend.ts'
import { type BackendOptions, openBackend } from '../../src/backend/open.ts'
import { openBroker } from '../../src/broker/open.ts'
import { type Outcome, payloadValue } from '../../src/protocol/outcome.ts'
import { success, told } from '../../src/testing/backend-suite.ts'
import { until, within } from '../../src/testing/broker/scene.ts'
import { describeWith } from '../services/available.ts'
import { RedisScene, scriptsRun } from '../services/redis-scene.ts'

describeWith(['redis'], 'results in Redis', () => {
  const redis = new RedisScene()

  const backend = async (url = redis.url(), options: Partial<BackendOptions> = {}): Promise<ResultBackend> => {
    return await redis.started(openBackend(url, { broker: openBroker(`memory://${randomUUID()}`), ...options }))
  }

  const failed = (id: string): Outcome => ({
    ...told(id, 'FAILURE', { exc_type: 'E', exc_message: [], exc_module: 'm' }),
  })

  test('a result stands under Celery’s key, in Celery’s form, for its time', async () => {
    const worker = await backend(redis.url(), { resultExpiresMs: 3_600_000 })
    await worker.put({ ...success('t1', [1, 2]), doneAtMs: 1_790_000_000_123, parentId: 'p' }, {})
    expect(await redis.raw.get('celery-task-meta-t1')).toBe(
      '{"status": "SUCCESS", "result": [1, 2], "traceback": null, "children": [], ' +
        '"date_done": "2026-09-21T14:13:20.123000+00:00", "parent_id": "p", "task_id": "t1"}',
    )
    expect(await redis.raw.pttl('celery-task-meta-t1')).toBeGreaterThan(3_500_000)
    await worker.forget('t1')
    expect(await redis.raw.exists('celery-task-meta-t1')).toBe(0)
  })

  test('results that never expire have no end', async () => {
    const worker = await backend(redis.url(), { resultExpiresMs: 0 })
    await worker.put(success('for-ever', 1), {})
    expect(await redis.raw.ttl('celery-task-meta-for-ever')).toBe(-1)
  })

  test.each([
    ['', 'celery-task-meta-k'],
    ['shop', 'shop_celery-task-meta-k'],
    ['shop:', 'shop:celery-task-meta-k'],
  ])('the prefix %j makes the key %s', async (prefix, key) => {
    await (await backend(`${redis.url()}?global_keyprefix=${prefix}`)).put(success('k', 1), {})
    expect(await redis.raw.exists(key)).toBe(1)
  })

  test.each(['yaml', 'msgpack'] as const)(
    'results in %s are read, waited for, and a SUCCESS stays',
    async (serializer) => {
      const [worker, client] = [await backend(redis.url(), { serializer }), await backend(redis.url(), { serializer })]
      const id = `in-${serializer}`
      const expectation = await client.expect(id)
      await worker.put(success(id, { bytes: [1, 'ä'] }), {})
      await expect.poll(() => expectation.latest?.state).toBe('SUCCESS')
      await worker.put(failed(id), {})
      expectation.close()
      const kept = await client.get(id)
      expect(kept).toMatchObject({ id, state: 'SUCCESS' })
      expect(payloadValue((kept as Outcome).result)).toEqual({ bytes: [1, 'ä'] })
      // What was written before the setting was changed is read all the same.
      await redis.raw.set('celery-task-meta-before', '{"result": 1, "status": "SUCCESS", "task_id": "before"}')
      expect(await client.get('before')).toMatchObject({ state: 'SUCCESS' })
    },
  )

  test('a SUCCESS that is there stays, whoever wrote it; a failure gives way', async () => {
    const worker = await backend()
    await redis.raw.set('celery-task-meta-theirs', '{"result": 1, "status": "SUCCESS", "task_id": "theirs"}')
    for (const id of ['ours', 'theirs']) {
      if (id === 'ours') await worker.put(success(id, 1), {})
      await worker.put(failed(id), {})
      await worker.put(told(id, 'STARTED', {}), {})
      expect(await worker.get(id)).toMatchObject({ state: 'SUCCESS' })
    }
    await worker.put(failed('again'), {})
    await worker.put(success('again', 2), {})
    expect((await worker.get('again'))?.state).toBe('SUCCESS')
    await redis.raw.set('celery-task-meta-junk', 'no record')
    await worker.put(success('junk', 3), {})
    expect((await worker.get('junk'))?.state).toBe('SUCCESS')
  })

  test('results of one turn are stored by one script, and what is wrong with one is no matter of the others', async () => {
    const worker = await backend()
    await worker.put(success('one-0', 0), {})
    const before = await scriptsRun(redis)
    await Promise.all(Array.from({ length: 50 }, (_, i) => worker.put(success(`one-${i}`, i), {})))
    expect((await scriptsRun(redis)) - before).toBe(1)
    expect(payloadValue(((await worker.get('one-49')) as Outcome).result)).toBe(49)
    await redis.raw.lpush('celery-task-meta-list', 'no text')
    const puts = ['before', 'list', 'behind'].map((id) => worker.put(success(id, id), {}))
    const [first, second, third] = await Promise.allSettled(puts)
    expect([first?.status, second?.status, third?.status]).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect((second as PromiseRejectedResult).reason).toMatchObject({ code: 'BACKEND_REFUSED' })
    for (const id of ['before', 'behind']) expect((await worker.get(id))?.state).toBe('SUCCESS')
  })

  test('who waits hears what Celery stores, and what was stored before it listened', async () => {
    const client = await backend()
    const record = '{"status": "SUCCESS", "result": 5, "traceback": null, "children": [], "task_id": "e1"}'
    await redis.raw.set('celery-task-meta-e1', record)
    expect(payloadValue((await within('it is there', (await client.expect('e1')).done)).result)).toBe(5)
    const expectation = await client.expect('e2')
    await redis.raw.publish('celery-task-meta-e2', 'no record')
    await redis.raw.publish('celery-task-meta-e2', record.replaceAll('e1', 'e2'))
    expect((await within('it comes', expectation.done)).id).toBe('e2')
    await until('nothing is listened to', async () => {
      const channels = (await redis.raw.pubsub('CHANNELS', 'celery-task-meta-*')) as string[]
      return channels.length === 0
    })
  })

  test('what is stored while the connection is lost is read over the next one', async () => {
    const [client, worker] = [await backend(redis.proxyUrl()), await backend()]
    const expectations = await Promise.all(Array.from({ length: 120 }, (_, i) => client.expect(`lost-${i}`)))
    redis.proxy.mode = 'refusing'
    redis.proxy.cut()
    for (let i = 0; i < 120; i++) await worker.put(success(`lost-${i}`, i), {})
    redis.proxy.mode = 'open'
    const outcomes = await within('all come', Promise.all(expectations.map(({ done }) => done)))
    expect(outcomes.map(({ result }) => payloadValue(result))).toEqual(expectations.map((_, i) => i))
  })

  test('what is put while the server is away is stored when it is back, and fails by name when it stays away', async () => {
    // Longer than the longest wait between two tries to connect.
    const worker = await backend(redis.proxyUrl(), { connectTimeoutMs: 1500 })
    redis.proxy.mode = 'refusing'
    redis.proxy.cut()
    await expect(worker.put(success('away', 1), {})).rejects.toMatchObject({ code: 'BACKEND_UNREACHABLE' })
    const put = worker.put(success('back', 1), {})
    redis.proxy.mode = 'open'
    await put
    expect(await redis.raw.exists('celery-task-meta-back')).toBe(1)
  })

  test('a server that is killed and comes back keeps who waits', async () => {
    const [client, worker] = [await backend(), await backend()]
    const expectation = await client.expect('killed')
    await worker.put(success('before', 1), {})
    await redis.killAndStart()
    await worker.put(success('killed', 2), {})
    expect(payloadValue((await within('it comes', expectation.done)).result)).toBe(2)
    expect((await client.get('before'))?.state).toBe('SUCCESS')
  })

  test('a full server is BACKEND_REFUSED, a wrong password too, a cluster is refused by name', async () => {
    const worker = await backend()
    const admin = new Redis({ port: redis.port })
    await admin.config('SET', 'maxmemory', 1)
    await expect(worker.put(success('full', 1), {})).rejects.toMatchObject({ code: 'BACKEND_REFUSED' })
    await admin.config('SET', 'maxmemory', 0)
    admin.disconnect()
    await worker.put(success('full', 1), {})
    await expect(backend(`redis://:wrong@127.0.0.1:${redis.port}`)).rejects.toMatchObject({ code: 'BACKEND_REFUSED' })
    await expect(backend('redis+cluster://x')).rejects.toMatchObject({ code: 'CAPABILITY_MISSING' })
    await expect(backend('redis://x?nonsense=1')).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })
})
