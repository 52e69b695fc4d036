import { LovageError, messageOf as textOf } from '../../base/errors.ts'
import type { Message } from '../../protocol/message.ts'
import type { Destination, ExchangeSpec } from '../broker.ts'
import { type ChannelEvents, type LinkChannel, type LinkDelivery, LinkError, type QueueDeclaration } from './link.ts'
import {
  type AmqplibChannel as Channel,
  type AmqplibConnection,
  type Frame,
  type FrameFields,
  privateAmqplib,
} from './private-amqplib.ts'
import { messageOf, propertiesOf } from './properties.ts'
import type { BasicProperties } from './wire/properties.ts'

/** Class and method numbers of the protocol: the busy ones, so that none is looked up for each message. */
const BASIC_PUBLISH = (60 << 16) + 40
const BASIC_PROPERTIES = 60
const BASIC_GET = (60 << 16) + 70
const BASIC_GET_OK = (60 << 16) + 71
const BASIC_ACK = (60 << 16) + 80
const BASIC_NACK = (60 << 16) + 120

/** A message as amqplib hands it over. */
interface Handed {
  readonly fields: FrameFields
  readonly properties: BasicProperties
  readonly content: Buffer
}

/** A channel of amqplib behind our own face. */
export class AmqplibChannel implements LinkChannel {
  isOpen = true
  #connection: AmqplibConnection
  #channel: Channel
  #defs = privateAmqplib().defs
  #problem: LinkError | undefined

  private constructor(connection: AmqplibConnection, events: ChannelEvents) {
    this.#connection = connection
    this.#channel = new (privateAmqplib().Channel)(connection)
    const channel = this.#channel
    // amqplib's own bookkeeping of confirmations is not used.
    channel.removeAllListeners('ack').removeAllListeners('nack').removeAllListeners('close')
    channel.on('error', (error: Error) => (this.#problem ??= linkError(error)))
    channel.on('close', () => {
      this.isOpen = false
      events.onClosed?.(this.#problem ?? new LinkError('connection', 'the connection was closed'))
    })
    channel.on('delivery', (handed: Handed) => events.onDelivery?.(deliveryOf(handed)))
    channel.on('cancel', ({ consumerTag }: FrameFields) => events.onCancelled?.(consumerTag))
    channel.on('ack', ({ deliveryTag, multiple }: FrameFields) => events.onConfirm?.(deliveryTag, multiple, true))
    channel.on('nack', ({ deliveryTag, multiple }: FrameFields) => events.onConfirm?.(deliveryTag, multiple, false))
    channel.on('return', ({ fields, properties, content }: Handed) => {
      events.onReturn?.(messageOf(properties, content), fields)
    })
  }

  static async open(connection: AmqplibConnection, events: ChannelEvents): Promise<AmqplibChannel> {
    const opened = new AmqplibChannel(connection, events)
    try {
      opened.#channel.allocate()
    } catch (error) {
      throw linkError(error)
    }
    await opened.#call('Channel', 'Open', { outOfBand: '' })
    return opened
  }

  async confirmSelect(): Promise<void> {
    await this.#call('Confirm', 'Select', { nowait: false })
  }

  publish(message: Message, { exchange, routingKey }: Destination, mandatory: boolean): void {
    const { body } = message
    const content = Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    const fields = { ticket: 0, exchange, routingKey, mandatory, immediate: false }
    try {
      const properties = propertiesOf(message)
      this.#connection.sendMessage(this.#channel.ch, BASIC_PUBLISH, fields, BASIC_PROPERTIES, properties, content)
    } catch (error) {
      throw sendError(error)
    }
  }

  async declareExchange({ name, type, durable = true, autoDelete = false }: ExchangeSpec): Promise<void> {
    const flags = { passive: false, durable, autoDelete, internal: false, nowait: false }
    await this.#call('Exchange', 'Declare', { ticket: 0, exchange: name, type, ...flags, arguments: {} })
  }

  async declareQueue({ name, durable, autoDelete, exclusive, arguments: table }: QueueDeclaration): Promise<void> {
    const flags = { passive: false, durable, exclusive, autoDelete, nowait: false }
    await this.#call('Queue', 'Declare', { ticket: 0, queue: name, ...flags, arguments: table })
  }

  async bindQueue(queue: string, exchange: string, routingKey: string): Promise<void> {
    await this.#call('Queue', 'Bind', { ticket: 0, queue, exchange, routingKey, nowait: false, arguments: {} })
  }

  async inspectQueue(name: string): Promise<{ messages: number; consumers: number }> {
    const flags = { passive: true, durable: false, exclusive: false, autoDelete: false, nowait: false }
    const { fields } = await this.#call('Queue', 'Declare', { ticket: 0, queue: name, ...flags, arguments: {} })
    return { messages: fields.messageCount, consumers: fields.consumerCount }
  }

  async deleteQueue(queue: string): Promise<void> {
    await this.#call('Queue', 'Delete', { ticket: 0, queue, ifUnused: false, ifEmpty: false, nowait: false })
  }

  async purgeQueue(queue: string): Promise<number> {
    const { fields } = await this.#call('Queue', 'Purge', { ticket: 0, queue, nowait: false })
    return fields.messageCount
  }

  get(queue: string): Promise<LinkDelivery | undefined> {
    return new Promise((resolve, reject) => {
      try {
        this.#channel.sendOrEnqueue(BASIC_GET, { ticket: 0, queue, noAck: false }, (error, frame) => {
          if (error) return reject(linkError(error))
          if (frame.id !== BASIC_GET_OK) return resolve(undefined)
          const take = (handed: Handed): void => resolve(deliveryOf({ ...handed, fields: frame.fields }))
          this.#channel.handleMessage = privateAmqplib().acceptMessage(take)
        })
      } catch (error) {
        reject(linkError(error))
      }
    })
  }

  async qos(prefetchCount: number, global: boolean): Promise<void> {
    await this.#call('Basic', 'Qos', { prefetchSize: 0, prefetchCount, global })
  }

  async consume(queue: string, consumerTag: string, noAck: boolean): Promise<void> {
    const flags = { noLocal: false, noAck, exclusive: false, nowait: false }
    await this.#call('Basic', 'Consume', { ticket: 0, queue, consumerTag, ...flags, arguments: {} })
  }

  async cancel(consumerTag: string): Promise<void> {
    await this.#call('Basic', 'Cancel', { consumerTag, nowait: false })
  }

  ack(deliveryTag: number): boolean {
    return this.#send(BASIC_ACK, { deliveryTag, multiple: false })
  }

  nack(deliveryTag: number, requeue: boolean): boolean {
    return this.#send(BASIC_NACK, { deliveryTag, multiple: false, requeue })
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      if (!this.isOpen) return resolve()
      this.#channel.once('close', () => resolve())
      try {
        this.#channel.closeBecause('done', 200, () => {})
      } catch {
        // It is closing already; the event above tells when it is done.
      }
    })
  }

  #send(method: number, fields: object): boolean {
    if (!this.isOpen) return false
    try {
      this.#connection.sendMethod(this.#channel.ch, method, fields)
      return true
    } catch {
      // The connection is ending, and the channel with it.
      return false
    }
  }

  #call(group: string, method: string, fields: object): Promise<Frame> {
    const send = this.#defs[group + method] as number
    const expected = this.#defs[`${group}${method}Ok`] as number
    return new Promise((resolve, reject) => {
      try {
        this.#channel._rpc(send, fields, expected, (error, frame) =>
          error ? reject(linkError(error)) : resolve(frame),
        )
      } catch (error) {
        // amqplib now waits for the answer to a call that was never sent: the channel is of no further use.
        void this.close()
        reject(sendError(error))
      }
    })
  }
}

function deliveryOf({ fields, properties, content }: Handed): LinkDelivery {
  return {
    message: messageOf(properties, content),
    consumerTag: fields.consumerTag ?? '',
    deliveryTag: fields.deliveryTag,
    exchange: fields.exchange,
    routingKey: fields.routingKey,
    redelivered: fields.redelivered,
  }
}

/** Why something was not written: the channel is gone, or there is no form for it. */
function sendError(error: unknown): Error {
  if (error instanceof LovageError) return error
  if (error instanceof Error && error.name === 'IllegalOperationError') return linkError(error)
  return new LovageError('ENCODE_FAILED', { path: '$', problem: textOf(error) })
}

/** amqplib's errors carry the reply code, and the server's text inside of a sentence of their own. */
function linkError(error: unknown): LinkError {
  if (error instanceof LinkError) return error
  const { fields, code = 0, classId, methodId } = error as Partial<Frame> & Partial<Record<string, number>>
  if (fields) return new LinkError('channel', fields.replyText, fields.replyCode)
  const text = textOf(error)
  const server = / with message "(.*)"$/s.exec(text)
  const isByPublish = classId === 60 && methodId === 40
  return new LinkError('channel', server?.[1] ?? text, Number(code) || 0, isByPublish)
}
