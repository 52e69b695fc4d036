import type { Clock } from '../../base/clock.ts'
import { LovageError } from '../../base/errors.ts'
import { payloadText, type Outcome } from '../../protocol/outcome.ts'
import type { Expectation, ResultBackend } from '../backend.ts'
import { Expectations } from '../expectations.ts'
import type { ResultStore } from './result-store.ts'

/** How a {@link MemoryBackend} is made. */
export interface MemoryBackendOptions {
  readonly clock: Clock
  /** The store it joins when it starts. */
  readonly store: () => ResultStore
  /** How long an outcome is kept. */
  readonly resultExpiresMs: number
  readonly maxPendingResults: number
  readonly types: 'typed' | 'plain'
}

/** Results in the memory of this process, shared by all that name the same store. */
export class MemoryBackend implements ResultBackend {
  readonly kind = 'memory'
  readonly replyTo = undefined
  readonly #options: MemoryBackendOptions
  readonly #expectations: Expectations
  #joined: { store: ResultStore; leave: () => void } | undefined

  constructor(options: MemoryBackendOptions) {
    const { clock, maxPendingResults: max, resultExpiresMs: maxAgeMs } = options
    this.#options = options
    this.#expectations = new Expectations({ clock, max, maxAgeMs, keepsSettled: false })
  }

  get waiting(): number {
    return this.#expectations.waiting
  }

  async start(): Promise<void> {
    if (this.#joined) return
    const store = this.#options.store()
    this.#joined = { store, leave: store.listen((outcome) => void this.#expectations.take(outcome)) }
  }

  async stop(): Promise<void> {
    this.#joined?.leave()
    this.#joined = undefined
    this.#expectations.clear(new LovageError('BROKER_CLOSED'))
  }

  async expect(id: string): Promise<Expectation> {
    const kept = this.#store().get(id)
    const expectation = this.#expectations.open(id)
    if (kept && !expectation.latest) this.#expectations.take(kept)
    return expectation
  }

  async put(outcome: Outcome): Promise<void> {
    // As text, so that who reads it can neither share nor change what the task still holds.
    const text = payloadText(outcome.result, { types: this.#options.types })
    this.#store().put({ ...outcome, result: { text } }, this.#options.resultExpiresMs)
  }

  async get(id: string): Promise<Outcome | undefined> {
    return this.#store().get(id)
  }

  async forget(id: string): Promise<void> {
    this.#store().delete(id)
    this.#expectations.forget(id)
  }

  #store(): ResultStore {
    if (!this.#joined) throw new LovageError('BROKER_CLOSED')
    return this.#joined.store
  }
}
