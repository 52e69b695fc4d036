import { type Clock, systemClock } from '../base/clock.ts'
import { LovageError } from '../base/errors.ts'
import { joinTables } from '../broker/open.ts'
import { MemoryOperations } from './memory/memory-operations.ts'
import { OperationStore } from './operation-store.ts'
import type { Store } from './store.ts'

/** What every kind of store is told. */
export interface StoreOptions {
  readonly clock?: Clock
  /** Largest value, in bytes (of text, in UTF-8). Default 17 MiB: a message of the largest size, and 1 MiB beside it. */
  readonly maxValueBytes?: number
}

/**
 * The store of a URL, not started. `memory://<name>` is memory of this process, shared by all that name it.
 * @throws LovageError `URL_UNSUPPORTED`
 */
export function openStore(
  url: string,
  { clock = systemClock, maxValueBytes = 17 * 2 ** 20 }: StoreOptions = {},
): Store {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase()
  if (scheme === 'memory') {
    const name =
      url
        .slice('memory:'.length)
        .replace(/^\/+/, '')
        .replace(/[/?#].*$/s, '') || 'lovage'
    return new OperationStore(clock, new MemoryOperations(clock, () => joinTables(name, clock)), maxValueBytes)
  }
  throw new LovageError('URL_UNSUPPORTED', {
    seam: 'store',
    // What has no scheme is not shown: where its password stands cannot be told.
    scheme: scheme ? `${scheme}://` : 'a URL without scheme',
    known: 'memory://',
  })
}
