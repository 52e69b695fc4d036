import type { Service } from '../base/service.ts'
import type { Answer, Operation, OperationName, Watchable } from '../broker/open.ts'

export { type Answer, isHarmless, type Operation, type OperationName, type Watchable } from '../broker/open.ts'

/** What a kind of store does: steps that are data, checked already, and one way to be called. */
export interface Operations extends Service {
  readonly kind: string
  /**
   * Does one step, in the order of the calls.
   * @throws LovageError `STORE_CLOSED`, `STORE_UNREACHABLE`, `STORE_REFUSED`, `STORE_FULL`, `OPTION_INVALID`
   */
  apply<Name extends OperationName>(operation: Operation<Name>): Promise<Answer<Name>>
  /**
   * Resolves when `watcher` will be called for all that can be read or taken from now on; it is called now where that is
   * so now, and when a lost connection is back. It may be called for nothing, and must not throw.
   */
  watch(what: Watchable, key: string, watcher: () => void): Promise<() => void>
}
