import { afterEach, expect, test } from 'vitest'
import { describeWith } from '../services/available.ts'
import { makeDelays } from '../services/delays.ts'
import { RabbitmqNode } from '../services/rabbitmq-node.ts'
import { RedisNode } from '../services/redis-node.ts'
import { removeFolder, temporaryFolder } from '../services/reaper.ts'
import { restartAll } from './delays/restart.ts'

const TASKS = 200

const options = { tasks: TASKS, workers: 2, spreadMs: 1000, patienceMs: 90_000 }

const onceEach = {
  sent: TASKS + TASKS / 10,
  waitingWhenKilled: TASKS,
  ran: TASKS + TASKS / 10,
  ranTwice: 0,
  early: 0,
  left: 0,
}

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

test('tasks that wait with an embedded broker outlive all its processes, and run once', async () => {
  const folder = temporaryFolder('delays')
  ends.push(() => removeFolder(folder))
  const url = `embedded://${folder}`
  expect(await restartAll({ broker: url, backend: url }, { ...options, waitMs: 6000 })).toMatchObject(onceEach)
}, 300_000)

describeWith(['redis'], 'tasks that wait with a Redis', () => {
  test('outlive it and all its users, and run once', async () => {
    const server = await RedisNode.start()
    ends.push(() => server.remove())
    expect(
      await restartAll({ broker: server.url(0), backend: server.url(1), server }, { ...options, waitMs: 6000 }),
    ).toMatchObject(onceEach)
  }, 300_000)
})

describeWith(['rabbitmq'], 'tasks that wait with a RabbitMQ', () => {
  test('outlive it and all its users, and run once', async () => {
    const server = await RabbitmqNode.start()
    ends.push(() => server.remove())
    await makeDelays(server.url())
    expect(
      await restartAll({ broker: server.url(), backend: 'rpc://', server }, { ...options, waitMs: 10_000 }),
    ).toMatchObject(onceEach)
  }, 240_000)
})
