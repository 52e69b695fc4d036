import type { Clock, Timer } from '../base/clock.ts'
import { isLovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { Operations } from './operations.ts'
import type { LogPage } from './store.ts'

/** Entries that are read at a time. */
const PAGE = 100

/** After a read that failed. */
const AGAIN_MS = 500

/** Reads a log as it grows, at the pace of its listener. */
export class LogFollower {
  readonly #clock: Clock
  readonly #operations: Operations
  readonly #key: string
  readonly #listener: (page: LogPage) => void | Promise<void>
  #after: number
  #hasMore = false
  #isReading = false
  #isEnded = false
  #again: Timer | undefined
  #unwatch: (() => void) | undefined

  constructor(
    clock: Clock,
    operations: Operations,
    key: string,
    after: number,
    listener: (page: LogPage) => void | Promise<void>,
  ) {
    this.#clock = clock
    this.#operations = operations
    this.#key = key
    this.#after = after
    this.#listener = listener
  }

  async start(): Promise<void> {
    this.#unwatch = await this.#operations.watch('log', this.#key, () => this.#look())
    this.#look()
  }

  end(): void {
    this.#isEnded = true
    this.#again?.cancel()
    this.#unwatch?.()
  }

  #look(): void {
    this.#hasMore = true
    if (!this.#isReading) void this.#readOn()
  }

  async #readOn(): Promise<void> {
    this.#isReading = true
    while (this.#hasMore && !this.#isEnded) {
      this.#hasMore = false
      const page = await this.#read()
      if (!page || this.#isEnded) break
      if (page.entries.length === 0 && !page.isGapped) continue
      this.#after = page.entries.at(-1)?.position ?? page.last
      this.#hasMore = true
      await this.#tell(page)
    }
    // In the same step as the last look at what there is: whoever looks from now on begins anew.
    this.#isReading = false
  }

  async #read(): Promise<LogPage | undefined> {
    try {
      return await this.#operations.apply({ op: 'read', key: this.#key, after: this.#after, limit: PAGE })
    } catch (error) {
      if (isLovageError(error, 'STORE_CLOSED')) this.end()
      else {
        const level = isLovageError(error, 'STORE_UNREACHABLE') ? 'warn' : 'error'
        log(level, 'store', 'a log cannot be read now', { key: this.#key, error: messageOf(error) })
        this.#again?.cancel()
        this.#again = this.#clock.after(AGAIN_MS, () => this.#look(), { unref: true })
      }
      return undefined
    }
  }

  async #tell(page: LogPage): Promise<void> {
    try {
      await this.#listener(page)
    } catch (error) {
      log('error', 'store', 'listener of a log threw', { key: this.#key, error: messageOf(error) })
    }
  }
}
