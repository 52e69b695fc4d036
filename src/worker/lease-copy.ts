import type { Delivery } from '../broker/broker.ts'
import { type HeaderValue, type Headers, LEASE_HEADER, plainHeader, STARTS_HEADER } from '../protocol/headers.ts'
import type { Message } from '../protocol/message.ts'

/** How the queues of leases are called, and their exchanges; the rest is the name of the worker, and chance. */
export const LEASE_PREFIX = 'lovage.lease.'

/** Where RabbitMQ writes that a message has expired in a queue, and was moved on. */
const DEATHS = 'x-death'
const DEATH = /^x-(first|last)-death-/

/** What RabbitMQ adds to a delivery from a quorum queue. */
const DELIVERY_COUNTS = ['x-delivery-count', 'x-acquired-count']

/**
 * A message as another message with the same content may be published.
 * @param starts how often it has been started in vain
 */
export function copyOf(message: Message, starts: number, lease?: string): Message {
  // The user is left out: RabbitMQ takes from us no name but our own.
  const { userId: _, expirationMs, ...rest } = message
  const headers: Record<string, HeaderValue> = { ...message.headers }
  for (const name of [STARTS_HEADER, LEASE_HEADER, ...DELIVERY_COUNTS]) delete headers[name]
  if (starts > 0) headers[STARTS_HEADER] = starts
  if (lease !== undefined) headers[LEASE_HEADER] = lease
  // Under a lease it is in somebody's hands, and would be dropped unread.
  return { ...rest, headers, ...(lease === undefined && expirationMs !== undefined && { expirationMs }) }
}

/**
 * How often RabbitMQ may have given out one message of a quorum queue before a new one takes its place when it goes back.
 * From version 4 on it throws away what comes back for the twenty-first time.
 */
const MAX_RETURNS = 10

/** It has come back so often that the broker may throw it away soon. */
export function isWornOut({ headers }: Message): boolean {
  const returns = Number(plainHeader(headers['x-delivery-count']) ?? 0)
  return returns >= MAX_RETURNS
}

/** The lease that a message is, or was, under. */
export function leaseOf({ headers }: Message): string | undefined {
  const lease = plainHeader(headers[LEASE_HEADER])
  return typeof lease === 'string' ? lease : undefined
}

/** A delivery that is taken for another than it is. */
class Disguised implements Delivery {
  readonly message: Message
  readonly queue: string
  readonly exchange: string
  readonly routingKey: string
  readonly redelivered: boolean
  readonly #inner: Delivery

  constructor(
    inner: Delivery,
    message: Message,
    as: Pick<Delivery, 'queue' | 'exchange' | 'routingKey' | 'redelivered'>,
  ) {
    this.#inner = inner
    this.message = message
    this.queue = as.queue
    this.exchange = as.exchange
    this.routingKey = as.routingKey
    this.redelivered = as.redelivered
  }

  get isOurs(): boolean {
    return this.#inner.isOurs
  }

  ack(): boolean {
    return this.#inner.ack()
  }

  requeue(): boolean {
    return this.#inner.requeue()
  }

  reject(): boolean {
    return this.#inner.reject()
  }
}

/** A delivery that tells when it has been acknowledged. */
export class Acknowledged extends Disguised {
  readonly #onAck: () => void

  constructor(delivery: Delivery, onAck: () => void) {
    super(delivery, delivery.message, delivery)
    this.#onAck = onAck
  }

  override ack(): boolean {
    const isAcked = super.ack()
    if (isAcked) this.#onAck()
    return isAcked
  }
}

/** A message that came back to its queue when the lease of its worker had ended; without the traces of that. */
export class Returned extends Disguised {
  constructor(delivery: Delivery) {
    super(delivery, { ...delivery.message, headers: withoutLease(delivery.message.headers) }, delivery)
  }
}

/** A copy under lease, in the place of the delivery that it was made of. */
export class Leased extends Disguised {
  constructor(copy: Delivery, original: Delivery) {
    super(copy, original.message, original)
  }
}

/** A copy under lease of a task that is not in hand: its queue is the one that its routing key names. */
export class StrayLease extends Disguised {
  constructor(copy: Delivery) {
    const headers = { ...withoutLease(copy.message.headers) }
    // Counted as started in vain was what has not come to that.
    const starts = plainHeader(headers[STARTS_HEADER])
    if (typeof starts === 'number' && starts > 1) headers[STARTS_HEADER] = starts - 1
    else delete headers[STARTS_HEADER]
    const { message, routingKey } = copy
    super(copy, { ...message, headers }, { exchange: '', routingKey, queue: routingKey, redelivered: false })
  }
}

function withoutLease(headers: Headers): Record<string, HeaderValue> {
  const isOurs = (queue: HeaderValue | undefined): boolean => String(plainHeader(queue)).startsWith(LEASE_PREFIX)
  const kept = Object.entries(headers).flatMap(([name, value]): [string, HeaderValue][] => {
    const which = DEATH.exec(name)
    if (name === LEASE_HEADER || (which && isOurs(headers[`${which[0]}queue`]))) return []
    if (name !== DEATHS || !Array.isArray(value)) return [[name, value]]
    const others = (value as readonly HeaderValue[]).filter((death) => !isOurs((death as Headers | null)?.queue))
    return others.length > 0 ? [[name, others]] : []
  })
  return Object.fromEntries(kept)
}
