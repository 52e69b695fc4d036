import type { Subscription } from './subscription.ts'

/** Subscriptions to queues that are gone: they go on when the queue is declared again. */
export class Orphans {
  #waiting = new Map<string, Set<Subscription>>()

  add(queue: string, subscription: Subscription): void {
    this.#waiting.set(queue, (this.#waiting.get(queue) ?? new Set()).add(subscription))
  }

  /** Those that wait for this queue, which wait no more. */
  take(queue: string): Iterable<Subscription> {
    const waiting = this.#waiting.get(queue) ?? []
    this.#waiting.delete(queue)
    return waiting
  }

  /** Forgets a subscription that has ended. */
  forget(subscription: Subscription): void {
    for (const [queue, waiting] of this.#waiting) {
      if (waiting.delete(subscription) && waiting.size === 0) this.#waiting.delete(queue)
    }
  }
}
