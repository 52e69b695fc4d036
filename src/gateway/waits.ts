import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { Store } from '../store/store.ts'

/**
 * How many requests wait for a task that several share, over all gateways. A gateway that dies takes its own with it
 * uncounted: then the task is not abandoned, and runs to its end.
 */
export class Waits {
  readonly #store: () => Promise<Store>

  constructor(store: () => Promise<Store>) {
    this.#store = store
  }

  /**
   * One more waits; the returned function says that it does no longer. Neither rejects. `ttlMs` must be longer than any
   * wait: who goes after it is taken off a count that begins anew, and hides another.
   */
  arrive(id: string, ttlMs: number): () => void {
    const count = async (by: 1 | -1): Promise<boolean> => {
      try {
        await (await this.#store()).count(keyOf(id), { by, ttlMs, renew: true })
        return true
      } catch (error) {
        log('warn', 'gateway', 'it could not be counted who waits for a task', { id, error: messageOf(error) })
        return false
      }
    }
    const counted = count(1)
    // Taken off uncounted he would hide another who waits.
    return () => void counted.then((isCounted) => isCounted && count(-1))
  }

  /** Nobody waits for a task, on any gateway. False too where it cannot be known. */
  async isAlone(id: string): Promise<boolean> {
    try {
      return (await (await this.#store()).count(keyOf(id), { by: 0, ttlMs: 1 })).value <= 0
    } catch {
      return false
    }
  }
}

function keyOf(id: string): string {
  return `gateway:waits:${id}`
}
