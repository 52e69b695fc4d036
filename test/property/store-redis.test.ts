import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import fc from 'fast-check'
import { afterAll, beforeAll, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { Tables } from '../../src/broker/embedded/tables/tables.ts'
import type { Operations } from '../../src/store/operations.ts'
import { openOperations } from '../../src/store/open.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { until } from '../../src/testing/broker/scene.ts'
import { describeWith } from '../services/available.ts'
import { RedisNode } from '../services/redis-node.ts'
import { StoreAnswers } from './store-answers.ts'
import { FAMILIES, step } from './store-steps.ts'

type Step = Record<string, unknown>

/** As good as never, and gone when one has looked. */
const LONG_MS = 3_120_000
const SHORT_MS = 1

/** Whoever waits until so much has passed finds what was kept for the short time gone. */
const PASSED_MS = 5

/** Steps that are on their way at the same time. */
const AT_ONCE = 6

/**
 * Several stores in one Redis are asked at once. In which order the server has done it is read from its own record
 * (MONITOR); in this order the tables in memory, asked the same, must answer the same.
 */
describeWith(['redis'], 'many stores in one Redis', () => {
  let redis: RedisNode
  let admin: Redis
  let monitor: Redis
  /** Addresses of those whose scripts the server has run, in its order. */
  const ran: string[] = []

  beforeAll(async () => {
    redis = await RedisNode.start()
    admin = new Redis({ port: redis.port })
    // What another connection says while MONITOR begins, ioredis takes for an answer: nobody speaks meanwhile.
    await admin.ping()
    monitor = await admin.monitor()
    monitor.on('monitor', (_time: string, [command]: string[], source: string) => {
      if (command?.toLowerCase() === 'evalsha') ran.push(source)
    })
  })
  afterAll(async () => {
    monitor?.disconnect()
    admin?.disconnect()
    await redis?.remove()
  })

  /** As the steps of the model, with times that the real clock can be asked about. */
  const timed = (one: Step): Step => {
    const timed = { ...one }
    for (const name of ['ttlMs', 'claimMs']) {
      if (name in timed) timed[name] = Number(timed[name]) <= 10 ? SHORT_MS : LONG_MS
    }
    // What is due is so already, or not for long.
    const far = (at: unknown): unknown => (at === 900 ? 10 * LONG_MS : at)
    if ('atMs' in timed) timed['atMs'] = far(timed['atMs'])
    const after = timed['after'] as { atMs: number } | number | undefined
    if (typeof after === 'object') timed['after'] = { ...after, atMs: far(after.atMs) }
    return timed
  }
  const isShort = ({ ttlMs, claimMs }: Step): boolean => ttlMs === SHORT_MS || claimMs === SHORT_MS

  const play = async (steps: readonly Step[]): Promise<void> => {
    const url = `${redis.url()}?global_keyprefix=${randomUUID()}`
    const stores = [1, 2, 3].map(() => openOperations(url, { answerTimeoutMs: 30_000, connectTimeoutMs: 30_000 }))
    try {
      await Promise.all(stores.map((store) => store.start()))
      await playOn(stores, steps)
    } finally {
      await Promise.all(stores.map((store) => store.stop()))
    }
  }

  const playOn = async (stores: readonly Operations[], steps: readonly Step[]): Promise<void> => {
    const addresses: string[] = []
    for (const store of stores) {
      const before = ran.length
      await store.apply({ op: 'get', key: 'k:who' })
      await until('the server has told', () => ran.length > before)
      addresses.push(ran[before] as string)
    }
    const clock = new VirtualClock({ startMs: systemClock.now() })
    const tables = new Tables({ clock })
    // Times that pass are told roughly: those that are left for long, and those that are over as good as now.
    const roughly = (name: string, value: unknown): unknown => {
      if (!['expiresInMs', 'freeInMs', 'nextInMs'].includes(name) || typeof value !== 'number') return value
      return value > LONG_MS / 2 ? 'late' : 'soon'
    }
    const answers = new StoreAnswers(clock.now() - 10_000, roughly)
    for (const batch of batchesOf(steps.map(timed))) {
      const before = ran.length
      const asked = batch.map((one, nth) => {
        const [real, model] = answers.fill(one)
        const store = nth % stores.length
        return { store, model, answer: (stores[store] as Operations).apply(real) }
      })
      await Promise.all(asked.map(({ answer }) => answer))
      await until('the server has told', () => ran.length >= before + batch.length)
      for (const address of ran.slice(before)) {
        const at = asked.findIndex(({ store }) => addresses[store] === address)
        for (const { model, answer } of asked.splice(at, 1)) answers.compare(await answer, tables.apply(model))
      }
      if (batch.some(isShort)) {
        const fromMs = await serverMs()
        await until('the short time has passed', async () => (await serverMs()) >= fromMs + PASSED_MS)
        clock.advance(PASSED_MS)
      }
    }
  }

  const serverMs = async (): Promise<number> => {
    const [seconds, micros] = await admin.time()
    return Number(seconds) * 1000 + Number(micros) / 1000
  }

  /** What is kept for a short time comes alone: whether it is there for others who ask at once is not told. */
  const batchesOf = (steps: readonly Step[]): Step[][] => {
    const batches: Step[][] = [[]]
    for (const one of steps) {
      const last = batches.at(-1) as Step[]
      if (isShort(one) || last.length >= AT_ONCE || last.some(isShort)) batches.push([one])
      else last.push(one)
    }
    return batches.filter(({ length }) => length > 0)
  }

  test.each(Object.entries({ ...FAMILIES, all: step }))(
    'answer as the tables in memory do: %s',
    async (_name, step) => {
      const steps = fc.array(step as fc.Arbitrary<Step>, { maxLength: 60, size: 'max' })
      await fc.assert(fc.asyncProperty(steps, play), {
        numRuns: 6,
        // A smaller example takes minutes to find over sockets; the steps that failed tell enough.
        endOnFailure: true,
      })
    },
    600_000,
  )
})
