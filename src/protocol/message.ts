import type { Headers } from './headers.ts'

/**
 * What is asked: one message as every broker carries it. The fields are AMQP's basic properties; the body passes through
 * every wall unparsed. Tasks, results, events and control commands all travel as this.
 */
export interface Message {
  readonly headers: Headers
  readonly body: Uint8Array
  /** `application/json`, say. Empty when the producer gave none. */
  readonly contentType: string
  /** `utf-8` or `binary`. Empty when the producer gave none. */
  readonly contentEncoding: string
  /** 2 is written to disk by a durable queue, 1 is not. */
  readonly deliveryMode: 1 | 2
  /** 0 (default) to 255, the highest is served first, on every broker. */
  readonly priority?: number
  readonly correlationId?: string
  /** Queue that takes the result; absent or empty means nobody wants one. */
  readonly replyTo?: string
  /** Milliseconds after which the broker may drop the message unread. */
  readonly expirationMs?: number
  readonly messageId?: string
  readonly type?: string
  readonly appId?: string
  /** Seconds since 1970. */
  readonly timestamp?: number
  readonly userId?: string
}
