import type { Destination, Topology } from '../broker/broker.ts'

/** Where commands go, and how the queues of those who ask and answer are declared: Celery's `control_*` settings. */
export interface PidboxOptions {
  /** `control_exchange`. Default `'celery'`: exchanges `celery.pidbox` and `reply.celery.pidbox`. */
  readonly exchange?: string
  /** `control_queue_ttl`: what nobody has read is dropped after so long. Default 5 minutes. */
  readonly queueTtlMs?: number
  /** `control_queue_expires`: a queue that nobody reads goes after so long. Default 10 s. */
  readonly queueExpiresMs?: number
}

/** Celery's names and flags of what remote control stands on (kombu/pidbox.py). */
export class Pidbox {
  /** Commands: a fanout exchange, so that each node decides whom they are for. */
  readonly exchange: string
  /** Answers. */
  readonly replyExchange: string
  readonly #queue: { readonly messageTtlMs: number; readonly expiresMs: number }

  constructor({ exchange = 'celery', queueTtlMs = 300_000, queueExpiresMs = 10_000 }: PidboxOptions = {}) {
    this.exchange = `${exchange}.pidbox`
    this.replyExchange = `reply.${exchange}.pidbox`
    this.#queue = { messageTtlMs: queueTtlMs, expiresMs: queueExpiresMs }
  }

  /** The queue of a node. */
  queueOf(hostname: string): string {
    return `${hostname}.${this.exchange}`
  }

  /** The queue of who asks; `oid` is the routing key of the answers. */
  replyQueueOf(oid: string): string {
    return `${oid}.${this.replyExchange}`
  }

  /** To all nodes. */
  get toAll(): Destination {
    return { exchange: this.exchange, routingKey: '' }
  }

  /** What a node needs: its queue, and the exchange that it answers to. */
  nodeTopology(hostname: string): Topology {
    const name = this.queueOf(hostname)
    return {
      ...this.exchanges,
      queues: [{ name, durable: false, autoDelete: true, ...this.#queue }],
      bindings: [{ exchange: this.exchange, queue: name, routingKey: '' }],
    }
  }

  /** What who asks needs: the queue of the answers, and the exchange of the commands. */
  replyTopology(oid: string): Topology {
    const name = this.replyQueueOf(oid)
    return {
      ...this.exchanges,
      queues: [{ name, durable: false, autoDelete: true, ...this.#queue }],
      bindings: [{ exchange: this.replyExchange, queue: name, routingKey: oid }],
    }
  }

  /** The two exchanges, which is all that a command without an answer needs. */
  get exchanges(): Topology {
    return {
      exchanges: [
        { name: this.exchange, type: 'fanout', durable: false },
        { name: this.replyExchange, type: 'direct', durable: false },
      ],
    }
  }
}
