import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededRandom } from '../../src/testing/seeded.ts'
import { describeWith } from '../services/available.ts'
import { RedisNode } from '../services/redis-node.ts'
import { holdTasks, killWorkers } from './redis/kills.ts'

describeWith(['redis'], 'workers on a Redis with a visibility timeout of two seconds', () => {
  let redis: RedisNode
  beforeAll(async () => {
    redis = await RedisNode.start()
  })
  afterAll(() => redis?.remove())

  test('hold tasks for twice that time, and run each once', async () => {
    const held = await holdTasks(redis, { tasks: 300, workers: 4, etaMs: 4000, inHand: true })
    expect(held).toMatchObject({ tasks: 300, ran: 300, ranTwice: 0, early: 0 })
  }, 240_000)

  test('run tasks once each that have waited in the due list for twice that time', async () => {
    const held = await holdTasks(redis, { tasks: 300, workers: 4, etaMs: 4000 })
    expect(held).toMatchObject({ tasks: 300, ran: 300, ranTwice: 0, early: 0 })
  }, 240_000)

  test('are killed while messages flow: every message has come to something', async () => {
    const { published, done, dead, waiting } = await killWorkers(redis, {
      messages: 2000,
      workers: 2,
      kills: 2,
      random: seededRandom(1),
    })
    expect(done + dead + waiting).toBe(published)
    expect(done).toBe(published)
  }, 240_000)
})
