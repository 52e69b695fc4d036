import { systemClock } from '../../../src/base/clock.ts'
import { type AmqpUrl, parseAmqpUrl } from '../../../src/broker/amqp/amqp-url.ts'
import type { AmqpChannel, AmqpChannelEvents } from '../../../src/broker/amqp/client/channel.ts'
import { connect, type ConnectOptions } from '../../../src/broker/amqp/client/connect.ts'
import type { AmqpConnection } from '../../../src/broker/amqp/client/connection.ts'
import type { BasicProperties } from '../../../src/broker/amqp/wire/properties.ts'

const open = new Set<AmqpConnection>()

/** A connection that {@link closeAll} ends. */
export async function connectTo(url: string | AmqpUrl, options: Partial<ConnectOptions> = {}): Promise<AmqpConnection> {
  const connection = await connect({
    url: typeof url === 'string' ? parseAmqpUrl(url) : url,
    clock: systemClock,
    timeoutMs: 10_000,
    heartbeatS: 0,
    name: 'lovage-test',
    ...options,
  })
  open.add(connection)
  return connection
}

export async function closeAll(): Promise<void> {
  await Promise.all([...open].map((connection) => connection.close()))
  open.clear()
}

/** What events say, in their order; each can be awaited. */
export class Heard {
  readonly words: string[] = []
  #wake: (() => void)[] = []

  /** Longest wait for a word. */
  static readonly PATIENCE_MS = 60_000

  say(word: string): void {
    this.words.push(word)
    for (const wake of this.#wake.splice(0)) wake()
  }

  /** Resolves when so many words that match have been said, now or before. */
  async until(word: string | RegExp, count = 1): Promise<void> {
    const matches = (one: string): boolean => (typeof word === 'string' ? one === word : word.test(one))
    const giveUp = AbortSignal.timeout(Heard.PATIENCE_MS)
    while (this.words.filter(matches).length < count) {
      await new Promise<void>((resolve, reject) => {
        giveUp.addEventListener('abort', () => reject(new Error(`${word} not heard in: ${this.words.join(', ')}`)))
        this.#wake.push(resolve)
      })
    }
  }
}

/** A channel whose events are told to `heard`. */
export function channelOf(
  connection: AmqpConnection,
  heard: Heard = new Heard(),
  events: AmqpChannelEvents = {},
): Promise<AmqpChannel> {
  return connection.channel({
    onConfirm: (tag, multiple, isAck) => heard.say(`${isAck ? 'ack' : 'nack'} ${tag}${multiple ? ' and below' : ''}`),
    onReturn: ({ properties }, { replyCode, routingKey }) =>
      heard.say(`return ${replyCode} ${routingKey} ${properties.correlationId}`),
    onDelivery: ({ body }, { deliveryTag, redelivered }) =>
      heard.say(`delivery ${deliveryTag} ${Buffer.from(body).toString()}${redelivered ? ' again' : ''}`),
    onCancelled: (tag) => heard.say(`cancelled ${tag}`),
    onClosed: ({ scope, code }) => heard.say(`closed ${scope} ${code}`),
    ...events,
  })
}

export function send(
  channel: AmqpChannel,
  routingKey: string,
  body: string | Uint8Array,
  properties: BasicProperties = {},
  mandatory = true,
): void {
  channel.publish({
    exchange: '',
    routingKey,
    mandatory,
    properties,
    body: typeof body === 'string' ? Buffer.from(body) : body,
  })
}
