import { brokerUrl } from '../services/rabbitmq.ts'
import { bothWays } from './both-ways.ts'

bothWays('Python Celery over RabbitMQ with rpc results', ['rabbitmq'], async () => ({
  broker: await brokerUrl(import.meta.url),
  backend: 'rpc://',
}))
