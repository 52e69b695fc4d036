import type { Clock } from '../../base/clock.ts'
import type { AmqpUrl } from './amqp-url.ts'
import type { OpenLink } from './link.ts'

/** How an {@link AmqpBroker} is made; the defaults are those of `openBroker`. */
export interface AmqpOptions {
  readonly url: AmqpUrl
  readonly clock: Clock
  readonly openLink: OpenLink
  readonly publishTimeoutMs: number
  readonly connectTimeoutMs: number
  readonly heartbeatS: number
  readonly maxMessageBytes: number
  readonly name: string
}
