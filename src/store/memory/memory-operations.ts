import type { Clock } from '../../base/clock.ts'
import { LovageError } from '../../base/errors.ts'
import { copied } from '../copied.ts'
import type { Answer, Operation, OperationName, Operations, Watchable } from '../operations.ts'

/** What keeps it all: the tables of this process that have the same name. */
interface Tables {
  apply<Name extends OperationName>(operation: Operation<Name>): Answer<Name>
  watch(what: Watchable, key: string, watcher: () => void): () => void
}

interface Joined {
  readonly tables: Tables
  readonly leave: () => void
}

/** State in the memory of this process, shared by all that name it. */
export class MemoryOperations implements Operations {
  readonly kind = 'memory'
  readonly #clock: Clock
  readonly #join: () => Joined
  readonly #watches = new Set<() => void>()
  #joined: Joined | undefined

  /** `join` is called at the start. */
  constructor(clock: Clock, join: () => Joined) {
    this.#clock = clock
    this.#join = join
  }

  async start(): Promise<void> {
    this.#joined ??= this.#join()
  }

  async stop(): Promise<void> {
    for (const unwatch of this.#watches) unwatch()
    this.#joined?.leave()
    this.#joined = undefined
  }

  async apply<Name extends OperationName>(operation: Operation<Name>): Promise<Answer<Name>> {
    // Copied on both ways, so that who keeps and who reads can neither share nor change it.
    return copied(this.#open().apply(copied(operation)))
  }

  async watch(what: Watchable, key: string, watcher: () => void): Promise<() => void> {
    let isTold = false
    let isOver = false
    // Out of the step that made it so: a watcher may take the next step at once.
    const unwatch = this.#open().watch(what, key, () => {
      if (isTold) return
      isTold = true
      this.#clock.turn(() => {
        isTold = false
        if (!isOver) watcher()
      })
    })
    const end = (): void => {
      isOver = true
      unwatch()
      this.#watches.delete(end)
    }
    this.#watches.add(end)
    return end
  }

  #open(): Tables {
    if (!this.#joined) throw new LovageError('STORE_CLOSED')
    return this.#joined.tables
  }
}
