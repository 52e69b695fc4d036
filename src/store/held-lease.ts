import type { Clock } from '../base/clock.ts'
import type { Operations } from './operations.ts'
import type { Lease } from './store.ts'

/** A lease as its holder has it. */
export class HeldLease implements Lease {
  readonly key: string
  readonly holder: string
  readonly token: number
  readonly #clock: Clock
  readonly #operations: Operations
  readonly #ttlMs: number
  #untilMs: number

  /** `askedMs`: when it was asked for, on the clock's monotonic time. */
  constructor(
    clock: Clock,
    operations: Operations,
    given: { readonly key: string; readonly holder: string; readonly token: number; readonly ttlMs: number },
    askedMs: number,
  ) {
    this.key = given.key
    this.holder = given.holder
    this.token = given.token
    this.#clock = clock
    this.#operations = operations
    this.#ttlMs = given.ttlMs
    this.#untilMs = askedMs + given.ttlMs
  }

  get isHeld(): boolean {
    return this.#clock.monotonic() < this.#untilMs
  }

  async renew(): Promise<boolean> {
    const askedMs = this.#clock.monotonic()
    const { key, holder, token } = this
    const isRenewed = await this.#operations.apply({ op: 'renew', key, holder, token, ttlMs: this.#ttlMs })
    this.#untilMs = isRenewed ? Math.max(this.#untilMs, askedMs + this.#ttlMs) : -Infinity
    return isRenewed
  }

  release(): Promise<boolean> {
    // From here on nothing may be done under it, whatever the answer.
    this.#untilMs = -Infinity
    const { key, holder, token } = this
    return this.#operations.apply({ op: 'release', key, holder, token })
  }
}
