import type { Message } from '../../protocol/message.ts'
import type { BasicProperties } from './wire/properties.ts'

/** RabbitMQ refuses a longer one. Left out, the broker keeps the message, and the reader sees that it is late. */
const MOST_EXPIRATION_MS = 2 ** 32 - 1

function expirationOf({ expirationMs }: Message): string | undefined {
  if (expirationMs === undefined || expirationMs > MOST_EXPIRATION_MS) return undefined
  return String(Math.round(expirationMs))
}

/** What goes beside the body. An empty content type is none. */
export function propertiesOf(message: Message): BasicProperties {
  return {
    contentType: message.contentType || undefined,
    contentEncoding: message.contentEncoding || undefined,
    headers: message.headers,
    deliveryMode: message.deliveryMode,
    priority: message.priority,
    correlationId: message.correlationId,
    replyTo: message.replyTo,
    expiration: expirationOf(message),
    messageId: message.messageId,
    timestamp: message.timestamp,
    type: message.type,
    userId: message.userId,
    appId: message.appId,
  }
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

export function messageOf(properties: BasicProperties, body: Uint8Array): Message {
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
  if (properties.timestamp !== undefined) message.timestamp = Number(properties.timestamp)
  if (properties.userId !== undefined) message.userId = properties.userId
  return message
}
