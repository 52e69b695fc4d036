import type { QueueSpec } from '../broker.ts'
import type { LinkError } from './link.ts'

/** What kinds of queues there are, as far as it matters to who reads them. */
export class QueueKinds {
  readonly #declared: (queue: string) => QueueSpec | undefined
  /** Queues whose kind takes no credit over several consumers, as the server told us. */
  readonly #ownCredit = new Set<string>()

  /** @param declared a queue as it was declared here */
  constructor(declared: (queue: string) => QueueSpec | undefined) {
    this.#declared = declared
  }

  /** Perhaps the server ended the connection because of what kind a queue is. */
  learn({ message }: LinkError): void {
    const queue = /queue '([^']*)' .*does not support global qos/.exec(message)?.[1]
    if (queue !== undefined) this.#ownCredit.add(queue)
  }

  /** The server counts the credit of each reader of a queue, and not what a channel has in all. */
  hasOwnCredit(queues: readonly string[]): boolean {
    return queues.some((queue) => this.#hasOwnCredit(queue))
  }

  /** Each message goes to one of many readers: not so of a stream, nor of a queue with a single active one. */
  canShare(queues: readonly string[]): boolean {
    return queues.every((queue) => {
      const isSingle = this.#declared(queue)?.arguments?.['x-single-active-consumer'] === true
      return !isSingle && (this.#typeOf(queue) === 'quorum' || !this.#hasOwnCredit(queue))
    })
  }

  #hasOwnCredit(queue: string): boolean {
    const type = this.#typeOf(queue)
    return this.#ownCredit.has(queue) || type === 'quorum' || type === 'stream'
  }

  #typeOf(queue: string): unknown {
    return this.#declared(queue)?.arguments?.['x-queue-type']
  }
}
