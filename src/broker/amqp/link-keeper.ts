import type { Clock } from '../../base/clock.ts'
import { LovageError, messageOf } from '../../base/errors.ts'
import { Keeper } from '../../base/keeper.ts'
import type { BrokerState } from '../broker.ts'
import type { AmqpUrl } from './amqp-url.ts'
import { type Link, LinkError, type OpenLink } from './link.ts'

export interface LinkKeeperOptions {
  readonly url: AmqpUrl
  readonly clock: Clock
  readonly openLink: OpenLink
  readonly connectTimeoutMs: number
  readonly heartbeatS: number
  readonly name: string
  /** Makes a new connection fit for use, before anybody else has it. Rejects when it is lost meanwhile. */
  readonly onUp: (link: Link) => Promise<void>
  /** The connection is gone. */
  readonly onDown: (problem: LinkError) => void
  readonly onBlocked: (isBlocked: boolean) => void
  readonly onRoom: () => void
  readonly onState: (state: BrokerState) => void
}

/** Keeps one connection to RabbitMQ. Its `start` throws `BROKER_REFUSED` at once where RabbitMQ refuses us. */
export function linkKeeper(options: LinkKeeperOptions): Keeper<Link> {
  const { url, clock, openLink, connectTimeoutMs, heartbeatS, name, onUp, onDown, onBlocked, onRoom, onState } = options
  const { redacted } = url
  return new Keeper<Link>({
    clock,
    room: 'broker',
    url: redacted,
    connectTimeoutMs,
    open: (timeoutMs, onClosed) =>
      openLink({ url, clock, heartbeatS, name, timeoutMs, events: { onClosed, onBlocked, onRoom } }),
    onUp,
    onDown: (problem) =>
      onDown(problem instanceof LinkError ? problem : new LinkError('connection', messageOf(problem))),
    fatal: (error) =>
      isRefusal(error) ? new LovageError('BROKER_REFUSED', { url: redacted, problem: messageOf(error) }) : undefined,
    unreachable: (problem) => new LovageError('BROKER_UNREACHABLE', { url: redacted, problem }),
    closed: () => new LovageError('BROKER_CLOSED'),
    onState,
  })
}

function isRefusal(error: unknown): boolean {
  return error instanceof LinkError && (error.code === 403 || error.code === 530)
}
