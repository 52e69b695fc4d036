import type { Broker, Topology } from '../../src/broker/broker.ts'
import type { Message } from '../../src/protocol/message.ts'
import { encodeBody, encodeTask, newRequest } from '../../src/protocol/task-message.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { Bench } from './bench.ts'

export const TIMEOUT_MS = 8_000
export const options = { consumerTimeout: TIMEOUT_MS }

export interface Stage {
  readonly bench: Bench
  readonly clock: VirtualClock
  readonly broker: Broker
  /** Every copy that was published to a lease. */
  readonly copies: Message[]
  /** What a publish of such a copy waits for. */
  hold: () => Promise<void>
  /** The exchange of leases. */
  exchange: () => string
}

/** A bench whose broker says that it takes messages back, as RabbitMQ does. It does not: nobody comes to that. */
export async function stage(): Promise<Stage & AsyncDisposable> {
  const clock = new VirtualClock()
  const bench = new Bench({ clock })
  const { broker } = await bench.app.client()
  Object.assign(broker, { hasConsumerTimeout: true })
  const declared: Topology[] = []
  const declare = broker.declare.bind(broker)
  broker.declare = async (topology) => {
    declared.push(topology)
    await declare(topology)
  }
  const copies: Message[] = []
  const publish = broker.publish.bind(broker)
  const made = {
    bench,
    clock,
    broker,
    copies,
    hold: () => Promise.resolve(),
    exchange: () =>
      declared.flatMap(({ exchanges = [] }) => exchanges).find(({ type }) => type === 'fanout')?.name ?? '',
    [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose](),
  }
  broker.publish = async (message, to, given) => {
    if (to.exchange !== '' && to.exchange === made.exchange()) {
      await made.hold()
      copies.push(message)
    }
    await publish(message, to, given)
  }
  return made
}

export function message(id: string, headers: Message['headers'] = {}): Message {
  const made = encodeTask(newRequest({ id, task: 'wait', body: encodeBody([id], {}) }))
  return { ...made, headers: { ...made.headers, ...headers } }
}

/** Which messages were copied, and how many starts each copy tells of. */
export const tells = (copies: readonly Message[]): unknown[] =>
  copies.map(({ headers }) => `${String(headers.id)} ${String(headers['x-lovage-starts'])}`)
