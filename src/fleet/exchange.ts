import type { Broker, ExchangeSpec } from '../broker/broker.ts'
import { EVENT_EXCHANGE } from '../protocol/event.ts'

/** The exchange of events as Celery declares it: on Redis a channel, which is what a fanout exchange is there. */
export function eventExchange({ kind }: Pick<Broker, 'kind'>): ExchangeSpec {
  return { name: EVENT_EXCHANGE, type: kind === 'redis' ? 'fanout' : 'topic', durable: true }
}
