import { isLovageError, LovageError } from '../../base/errors.ts'
import { copied } from '../copied.ts'
import type { Answer, Operation, OperationName, Operations, Watchable } from '../operations.ts'

/** The operations, as they are, with errors of the embedded broker. */
type Asked = Omit<Operations, 'kind'>

/** State in an embedded broker, shared by all processes that use its data directory. */
export class EmbeddedOperations implements Operations {
  readonly kind = 'embedded'
  readonly #asked: Asked

  constructor(asked: Asked) {
    this.#asked = asked
  }

  start(): Promise<void> {
    return ofStore(this.#asked.start())
  }

  stop(): Promise<void> {
    return this.#asked.stop()
  }

  async apply<Name extends OperationName>(operation: Operation<Name>): Promise<Answer<Name>> {
    return copied(await ofStore(this.#asked.apply(copied(operation))))
  }

  watch(what: Watchable, key: string, watcher: () => void): Promise<() => void> {
    return ofStore(this.#asked.watch(what, key, watcher))
  }
}

/** What fails because of the connection is told as a failure of the store. */
async function ofStore<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise
  } catch (error) {
    if (isLovageError(error, 'BROKER_CLOSED')) throw new LovageError('STORE_CLOSED', {}, { cause: error })
    if (!isLovageError(error, 'BROKER_UNREACHABLE')) throw error
    throw new LovageError('STORE_UNREACHABLE', error.details, { cause: error })
  }
}
