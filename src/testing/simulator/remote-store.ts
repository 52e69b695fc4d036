import type { Clock } from '../../base/clock.ts'
import { OperationStore } from '../../store/operation-store.ts'
import { openOperations } from '../../store/open.ts'
import type { Answer, Operation, OperationName, Operations, Watchable } from '../../store/operations.ts'
import type { Store } from '../../store/store.ts'
import type { SimulatedProcess } from './process.ts'

/** The store of a simulated world, as one of its processes sees it: every step takes its time, on both ways. */
export function remoteStore(process: SimulatedProcess, timeline: Clock, maxMessageBytes: number): Store {
  const operations = new RemoteOperations(openOperations('memory://simulated', { clock: timeline }), process)
  return new OperationStore(process.clock, operations, maxMessageBytes + 2 ** 20)
}

class RemoteOperations implements Operations {
  readonly kind: string
  readonly #there: Operations
  readonly #process: SimulatedProcess
  /** When the last step that was asked for arrives: none overtakes another. */
  #lastMs = 0

  constructor(there: Operations, process: SimulatedProcess) {
    this.kind = there.kind
    this.#there = there
    this.#process = process
  }

  start(): Promise<void> {
    return this.#process.gate(this.#there.start())
  }

  stop(): Promise<void> {
    return this.#there.stop()
  }

  /** A process that dies before the answer does not know whether it has happened. */
  async apply<Name extends OperationName>(operation: Operation<Name>): Promise<Answer<Name>> {
    await this.#arrival()
    return this.#process.gate(this.#there.apply(operation))
  }

  async watch(what: Watchable, key: string, watcher: () => void): Promise<() => void> {
    await this.#arrival()
    let isOver = false
    const unwatch = await this.#there.watch(what, key, () => {
      this.#process.at(this.#process.arrivalMs(), () => {
        if (!isOver) watcher()
      })
    })
    const end = (): void => {
      isOver = true
      unwatch()
    }
    // A dead process watches nothing.
    this.#process.onDeath(end)
    return end
  }

  #arrival(): Promise<void> {
    this.#lastMs = Math.max(this.#lastMs, this.#process.arrivalMs())
    return new Promise((resolve) => this.#process.at(this.#lastMs, resolve))
  }
}
