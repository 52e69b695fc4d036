import { randomUUID } from 'node:crypto'
import { beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { openStore, type StoreOptions } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { until } from '../../src/testing/broker/scene.ts'
import { describeWith } from '../services/available.ts'
import { freePort } from '../services/ports.ts'
import { RedisNode } from '../services/redis-node.ts'
import { RedisScene } from '../services/redis-scene.ts'

const ttlMs = 600_000
const kept = { ttlMs, maxEntries: 100_000 }

interface Flow {
  readonly confirmed: Readonly<Record<'appended' | 'put' | 'counted', readonly string[]>>
  /** How many of each were asked for, answered or not. */
  readonly asked: number
  /** Of the counter. */
  readonly value: number
  readonly heard: readonly string[]
  readonly positions: readonly number[]
  readonly gaps: number
}

/** Everything here is about one flow: one store writes without end, another listens and does what is due. */
describeWith(['redis'], 'a Redis that is hurt, under a store', () => {
  const redis = new RedisScene()
  let name: string

  beforeEach(() => {
    name = `test:${randomUUID()}`
  })

  const started = async (options: StoreOptions = {}): Promise<Store> => {
    return await redis.started(openStore(redis.proxyUrl(), options))
  }

  const flow = async (hurt: () => Promise<unknown>, options: StoreOptions = {}): Promise<Flow> => {
    const [writer, reader] = [await started(options), await started(options)]
    const heard: string[] = []
    const positions: number[] = []
    let gaps = 0
    const endLog = await reader.log(name).listen(({ entries, isGapped }) => {
      if (isGapped) gaps++
      heard.push(...entries.map(({ value }) => String(value)))
      positions.push(...entries.map(({ position }) => position))
    })
    const done = new Set<string>()
    const endDue = await reader.due(name).onDue(() => void work(reader, name, done))
    const confirmed = { appended: [] as string[], put: [] as string[], counted: [] as string[] }
    let number = 0
    let isOver = false
    const write = async (): Promise<void> => {
      const text = String(++number)
      const append = writer.log(name).append(text, kept)
      const put = writer.due(name).put(text, { atMs: systemClock.now() + 20, value: text })
      const count = writer.count(name, { ttlMs, member: text })
      await Promise.allSettled([
        append.then(() => confirmed.appended.push(text)),
        put.then(() => confirmed.put.push(text)),
        count.then(() => confirmed.counted.push(text)),
      ])
    }
    const stream = (async () => {
      while (!isOver) await write()
    })()
    await until('it flows', () => heard.length >= 20 && done.size >= 20)
    await hurt()
    const before = [heard.length, done.size] as const
    await until('it flows again', () => heard.length >= before[0] + 20 && done.size >= before[1] + 20)
    isOver = true
    await stream
    await until('all that was appended is heard', () => confirmed.appended.every((text) => heard.includes(text)))
    await until('all that was put is done', () => confirmed.put.every((text) => done.has(text)))
    const { value } = await reader.count(name, { ttlMs, by: 0 })
    endLog()
    endDue()
    return { confirmed, asked: number, value, heard, positions, gaps }
  }

  const hurts: [what: string, hurt: () => Promise<unknown>, options?: StoreOptions][] = [
    ['killed and started again', () => redis.killAndStart()],
    ['connections cut', async () => redis.proxy.cut()],
    ['connections killed by a command', () => redis.killClients()],
    [
      'stopped for a second, and going on',
      async () => {
        redis.node.pause()
        const probe = openStore(redis.url(), { connectTimeoutMs: 1000 })
        await expect(probe.start()).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' })
        redis.node.resume()
      },
    ],
    ['paused for clients', () => redis.command('CLIENT', 'PAUSE', 700, 'ALL')],
    [
      'a wire that carries nothing any more, and tells nobody',
      () => redis.blackHole(),
      { answerTimeoutMs: 400, connectTimeoutMs: 1000 },
    ],
    [
      'a master that becomes a copy, which takes no writes, and then a master again',
      async () => {
        const before = redis.proxy.connected
        await redis.command('REPLICAOF', '127.0.0.1', await freePort())
        await until('it is given up, by both', () => redis.proxy.connected >= before + 2)
        await redis.command('REPLICAOF', 'NO', 'ONE')
      },
    ],
    ['scripts forgotten', () => redis.command('SCRIPT', 'FLUSH')],
  ]

  test.each(hurts)(
    '%s: what was answered is there, in order and once, and nothing stands still',
    async (_, hurt, options) => {
      const { confirmed, asked, value, heard, positions, gaps } = await flow(hurt, options)
      expect(value).toBeGreaterThanOrEqual(confirmed.counted.length)
      expect(value).toBeLessThanOrEqual(asked)
      expect([gaps, new Set(heard).size]).toEqual([0, heard.length])
      expect(positions).toEqual(positions.toSorted((a, b) => a - b))
    },
  )

  test('a server that is away fails calls by name, in time; those it gets back in time are answered', async () => {
    const store = await started({ answerTimeoutMs: 300 })
    await store.set(name, 'x', { ttlMs })
    await redis.node.kill()
    await expect(store.get(name)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' })
    await expect(store.log(name).listen(() => {})).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' })
    const patient = openStore(redis.proxyUrl(), { answerTimeoutMs: 30_000, connectTimeoutMs: 30_000 })
    redis.keep(patient)
    const starting = patient.start()
    await redis.node.start()
    await starting
    expect((await patient.get(name))?.value).toBe('x')
    await redis.node.kill()
    // Sent into a connection that was lost, it may have happened, and fails; kept for the next one, it happens.
    const asked = patient.set(name, 'y', { ttlMs }).catch((error: unknown) => {
      expect(error).toMatchObject({ code: 'STORE_UNREACHABLE' })
    })
    await redis.node.start()
    await asked
    expect((await patient.set(name, 'z', { ttlMs })).isSet).toBe(true)
  })

  test('out of memory it refuses what makes it larger by name, and does what does not', async () => {
    const store = await started()
    const due = store.due(name)
    await store.set(name, 'x', { ttlMs })
    await store.count(name, { ttlMs })
    await store.log(name).append('x', kept)
    await due.put('a', { atMs: 1, value: 'x' })
    const { lease } = await store.lease(name, { ttlMs, holder: 'me' })
    await redis.command('CONFIG', 'SET', 'maxmemory', 1)
    try {
      const other = `${name}-other`
      const larger: (() => Promise<unknown>)[] = [
        () => store.set(name, 'y', { ttlMs }),
        () => store.count(other, { ttlMs }),
        () => store.count(name, { ttlMs, member: 'm' }),
        () => store.log(name).append('y', kept),
        () => due.put('b', { atMs: 1, value: 'y' }),
        () => store.lease(other, { ttlMs }),
      ]
      for (const call of larger) {
        await expect(call(), String(call)).rejects.toMatchObject({
          code: 'STORE_FULL',
          message: expect.stringContaining('maxmemory'),
        })
      }
      expect((await store.get(name))?.value).toBe('x')
      expect((await store.log(name).read()).entries.length).toBe(1)
      expect((await store.count(name, { ttlMs })).value).toBe(2)
      expect(await lease?.renew()).toBe(true)
      expect((await store.lease(name, { ttlMs, holder: 'me' })).lease?.token).toBe(lease?.token)
      const [taken] = (await due.take({ claimMs: ttlMs })).entries
      const ifVersion = taken?.version ?? 0
      const version = await due.put('a', { atMs: 2, ifVersion })
      expect(version).toBeGreaterThan(ifVersion)
      expect(await due.remove('a', { ifVersion: version ?? 0 })).toBe(true)
      expect(await lease?.release()).toBe(true)
      expect(await store.forget(name)).toBe(true)
    } finally {
      await redis.command('CONFIG', 'SET', 'maxmemory', 0)
    }
    expect((await store.set(name, 'y', { ttlMs, ifVersion: 0 })).isSet).toBe(true)
  })

  test('versions do not come back when the server has lost all that it had', async () => {
    const store = await started()
    const { kept: first } = await store.set(name, 'x', { ttlMs })
    await redis.command('FLUSHALL')
    const { kept: second } = await store.set(name, 'x', { ttlMs, ifVersion: 0 })
    expect(second?.version ?? 0).toBeGreaterThan(first?.version ?? Infinity)
  })

  test('a wrong password, a missing database and a missing right are refused by name, at once', async () => {
    for (const url of [`redis://:wrong@127.0.0.1:${redis.port}`, redis.url(99)]) {
      await expect(openStore(url).start()).rejects.toMatchObject({ code: 'STORE_REFUSED' })
    }
    await redis.command('ACL', 'SETUSER', 'reader', 'on', '>secret', '~*', '&*', '+@all', '-set')
    const store = await redis.started(openStore(redis.url().replace('//', '//reader:secret@')))
    await expect(store.set(name, 'x', { ttlMs })).rejects.toMatchObject({ code: 'STORE_REFUSED' })
  })

  test('a cluster is refused by name, by its URL and by what it is', async () => {
    expect(() => openStore('redis-cluster://localhost')).toThrow(/A Redis Cluster as the store/)
    const cluster = await RedisNode.start(['--cluster-enabled', 'yes'])
    try {
      await expect(openStore(cluster.url()).start()).rejects.toMatchObject({ code: 'CAPABILITY_MISSING' })
    } finally {
      await cluster.remove()
    }
  })
})

/** Takes and removes what is due, until nothing comes. */
async function work(store: Store, name: string, done: Set<string>): Promise<void> {
  try {
    for (;;) {
      const { entries } = await store.due(name).take({ claimMs: 500, limit: 10 })
      if (entries.length === 0) return
      for (const { id, version } of entries) {
        done.add(id)
        await store.due(name).remove(id, { ifVersion: version })
      }
    }
  } catch {
    // What was taken comes again when its claim is over, and the watcher is called.
  }
}
