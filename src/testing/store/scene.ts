import { systemClock } from '../../base/clock.ts'
import { isLovageError } from '../../base/errors.ts'
import type { Store } from '../../store/store.ts'
import { within } from '../broker/scene.ts'
import type { SuiteRunner } from '../runner.ts'

export { until, within } from '../broker/scene.ts'

/** Makes unstarted stores that all meet in one place, as those of several processes do. */
export type OpenStoreForSuite = (options?: { maxValueBytes?: number }) => Store | Promise<Store>

/** What the parts of the suite are given. */
export interface StoreSuiteContext {
  readonly expect: SuiteRunner['expect']
  /** A test with two started stores that meet; all are stopped at its end. */
  readonly scene: (name: string, play: (scene: StoreScene) => Promise<void>) => void
}

/** One test's own stores and keys. */
export class StoreScene {
  readonly one: Store
  readonly two: Store
  readonly #open: OpenStoreForSuite
  readonly #opened: Store[]
  readonly #prefix = `suite:${systemClock.uuid().slice(0, 8)}`
  #keys = 0

  constructor(one: Store, two: Store, open: OpenStoreForSuite) {
    this.one = one
    this.two = two
    this.#open = open
    this.#opened = [one, two]
  }

  /** A key that nobody else has. */
  readonly key = (): string => `${this.#prefix}-${++this.#keys}`

  /** A further store in the same place, not started. */
  readonly another = async (options?: { maxValueBytes?: number }): Promise<Store> => {
    const store = await this.#open(options)
    this.#opened.push(store)
    return store
  }

  async end(): Promise<void> {
    for (const store of this.#opened) await within('a store stops', store.stop())
  }
}

/** The code of the error that a call fails with; what it came to when it did not fail. */
export function codeOf(call: () => Promise<unknown>): Promise<unknown> {
  const called = async (): Promise<unknown> => {
    try {
      return ['did not fail', await call()]
    } catch (error) {
      return isLovageError(error) ? error.code : error
    }
  }
  return within('it fails', called())
}

/** Gathers what listeners are called with. */
export class Heard<T> {
  readonly all: T[] = []
  #waiting: (() => void) | undefined

  readonly take = (one: T): void => {
    this.all.push(one)
    this.#waiting?.()
  }

  /** Waits until `isEnough`. */
  async until(what: string, isEnough: (all: readonly T[]) => boolean): Promise<void> {
    const wait = async (): Promise<void> => {
      while (!isEnough(this.all)) await new Promise<void>((resolve) => (this.#waiting = resolve))
    }
    await within(what, wait())
  }
}

/** Longer than any test takes: what has this time to live does not end by itself. */
export const LONG_MS = 600_000
