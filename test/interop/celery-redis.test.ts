import { afterAll, beforeAll } from 'vitest'
import { available } from '../services/available.ts'
import { brokerUrl } from '../services/rabbitmq.ts'
import { RedisNode } from '../services/redis-node.ts'
import { bothWays } from './both-ways.ts'

let redis: RedisNode
beforeAll(async () => {
  if (available('redis')) redis = await RedisNode.start()
})
afterAll(() => redis?.remove())

bothWays('Python Celery over Redis with results in Redis', ['redis'], async () => ({
  broker: redis.url(0),
  backend: redis.url(1),
}))

bothWays('Python Celery over RabbitMQ with results in Redis', ['rabbitmq', 'redis'], async () => ({
  broker: await brokerUrl(import.meta.url),
  backend: redis.url(2),
}))
