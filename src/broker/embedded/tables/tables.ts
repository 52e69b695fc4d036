import { Counters } from './counters.ts'
import { DueLists } from './due-lists.ts'
import { Ground, type TablesOptions } from './ground.ts'
import { FAMILY, type Item } from './item.ts'
import { Leases } from './leases.ts'
import { Logs } from './logs.ts'
import type { Answer, Operation, OperationName, Watchable } from './operation.ts'
import { Values } from './values.ts'

/**
 * Shared state as one state machine: values, counters, leases, logs, due lists. Every operation is synchronous and time
 * comes from the clock alone, so that a thread, a journal or a simulator can be put around it.
 */
export class Tables {
  readonly #ground: Ground
  readonly #values: Values
  readonly #counters: Counters
  readonly #leases: Leases
  readonly #logs: Logs
  readonly #dues: DueLists

  constructor(options: TablesOptions) {
    this.#ground = new Ground(options)
    this.#values = new Values(this.#ground)
    this.#counters = new Counters(this.#ground)
    this.#leases = new Leases(this.#ground)
    this.#logs = new Logs(this.#ground)
    this.#dues = new DueLists(this.#ground)
  }

  /** What is kept, by estimate. */
  get bytes(): number {
    return this.#ground.bytes
  }

  /** Nothing is kept and nobody watches. */
  get isUnused(): boolean {
    const families = [this.#values, this.#counters, this.#leases, this.#logs, this.#dues]
    return !this.#ground.isWatched && families.every(({ size }) => size === 0)
  }

  /**
   * Takes one step.
   * @throws LovageError `STORE_FULL`, `OPTION_INVALID`; nothing has changed then
   */
  apply<Name extends OperationName>(operation: Operation<Name>): Answer<Name>
  apply(operation: Operation): Answer {
    switch (operation.op) {
      case 'get':
        return this.#values.get(operation.key)
      case 'set':
        return this.#values.set(operation)
      case 'forget':
        return this.#forget(operation)
      case 'count':
        return this.#counters.count(operation)
      case 'lease':
        return this.#leases.lease(operation)
      case 'renew':
        return this.#leases.renew(operation)
      case 'release':
        return this.#leases.release(operation)
      case 'append':
        return this.#logs.append(operation)
      case 'read':
        return this.#logs.read(operation)
      case 'trim':
        return this.#logs.trim(operation)
      case 'put':
        return this.#dues.put(operation)
      case 'remove':
        return this.#dues.remove(operation)
      case 'take':
        return this.#dues.take(operation)
      case 'list':
        return this.#dues.list(operation)
      default:
        throw new RangeError(`there is no operation ${String((operation as { op: unknown }).op)}`)
    }
  }

  /**
   * Calls `watcher` when a log has grown, or when something of a due list can be taken: now, if that is so now. It must
   * neither throw nor call back. The returned function ends it.
   */
  watch(what: Watchable, key: string, watcher: () => void): () => void {
    const unwatch = this.#ground.watch(what, key, watcher)
    if (what === 'due') this.#dues.watched(key)
    return unwatch
  }

  /** Takes in what earlier tables have told their ledger, oldest record first, before anything else is done. */
  restore(items: Iterable<Item>): void {
    const counters = new Map<string, Item[]>()
    const logs = new Map<string, Item[]>()
    const [bodies, states]: [Item[], Item[]] = [[], []]
    for (const item of items) {
      if (item.family === FAMILY.sequence) this.#ground.continueAfter(item)
      else if (item.family === FAMILY.value) this.#values.restore(item)
      else if (item.family === FAMILY.lease) this.#leases.restore(item)
      else if (item.family === FAMILY.counter) gather(counters, item)
      else if (item.family === FAMILY.log) gather(logs, item)
      else if (item.family === FAMILY.due) bodies.push(item)
      else if (item.family === FAMILY.dueState) states.push(item)
    }
    for (const [key, all] of counters) this.#counters.restore(key, all)
    for (const [key, all] of logs) this.#logs.restore(key, all)
    this.#dues.restore(bodies, states)
  }

  #forget({ key, ifVersion }: Operation<'forget'>): boolean {
    if (!this.#values.has(key, ifVersion)) return false
    const [value, counter, log] = [this.#values.forget(key), this.#counters.forget(key), this.#logs.forget(key)]
    return value || counter || log
  }
}

function gather(groups: Map<string, Item[]>, item: Item): void {
  const group = groups.get(item.key)
  if (group) group.push(item)
  else groups.set(item.key, [item])
}
