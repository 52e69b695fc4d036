import type { Headers } from '../../protocol/headers.ts'
import type { Message } from '../../protocol/message.ts'

/** AMQP's basic properties, as amqplib names them; absent ones are undefined. */
export interface Properties {
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  readonly headers: Headers | undefined
  readonly deliveryMode: number | undefined
  readonly priority: number | undefined
  readonly correlationId: string | undefined
  readonly replyTo: string | undefined
  readonly expiration: string | undefined
  readonly messageId: string | undefined
  readonly timestamp: number | undefined
  readonly type: string | undefined
  readonly userId: string | undefined
  readonly appId: string | undefined
}

export function propertiesOf(message: Message): Properties {
  const { expirationMs } = message
  return {
    contentType: message.contentType || undefined,
    contentEncoding: message.contentEncoding || undefined,
    headers: message.headers,
    deliveryMode: message.deliveryMode,
    priority: message.priority,
    correlationId: message.correlationId,
    replyTo: message.replyTo,
    expiration: expirationMs === undefined ? undefined : String(Math.max(0, Math.round(expirationMs))),
    messageId: message.messageId,
    timestamp: message.timestamp,
    type: message.type,
    userId: message.userId,
    appId: message.appId,
  }
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

export function messageOf(properties: Properties, body: Uint8Array): Message {
  const message: Writable<Message> = {
    headers: properties.headers ?? {},
    body,
    contentType: properties.contentType ?? '',
    contentEncoding: properties.contentEncoding ?? '',
    deliveryMode: properties.deliveryMode === 2 ? 2 : 1,
  }
  if (properties.priority !== undefined) message.priority = properties.priority
  if (properties.correlationId !== undefined) message.correlationId = properties.correlationId
  if (properties.replyTo !== undefined) message.replyTo = properties.replyTo
  if (properties.expiration !== undefined) {
    const expirationMs = Number(properties.expiration)
    if (Number.isFinite(expirationMs)) message.expirationMs = expirationMs
  }
  if (properties.messageId !== undefined) message.messageId = properties.messageId
  if (properties.type !== undefined) message.type = properties.type
  if (properties.appId !== undefined) message.appId = properties.appId
  if (properties.timestamp !== undefined) message.timestamp = properties.timestamp
  if (properties.userId !== undefined) message.userId = properties.userId
  return message
}
