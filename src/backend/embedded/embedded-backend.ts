import type { Clock } from '../../base/clock.ts'
import { LovageError, messageOf } from '../../base/errors.ts'
import { log } from '../../base/log.ts'
import type { KeptResults, ResultListener } from '../../broker/open.ts'
import type { JsonTypes } from '../../protocol/json.ts'
import { isReady, type Outcome } from '../../protocol/outcome.ts'
import type { Expectation, ResultBackend } from '../backend.ts'
import { Expectations } from '../expectations.ts'
import { decodeValue, encodeValue } from './result-value.ts'

/** How an {@link EmbeddedBackend} is made. */
export interface EmbeddedBackendOptions {
  readonly clock: Clock
  /** The results of the engine, not started. */
  readonly results: (onResult: ResultListener) => KeptResults
  /** How long an outcome is kept. */
  readonly resultExpiresMs: number
  readonly maxPendingResults: number
  readonly types: JsonTypes
}

/** Results that the engine of a data directory keeps: every process that uses it finds them, also after a restart. */
export class EmbeddedBackend implements ResultBackend {
  readonly kind = 'embedded'
  readonly replyTo = undefined
  readonly #options: EmbeddedBackendOptions
  readonly #expectations: Expectations
  readonly #results: KeptResults
  #isStarted = false

  constructor(options: EmbeddedBackendOptions) {
    const { clock, maxPendingResults: max, resultExpiresMs: maxAgeMs } = options
    this.#options = options
    const onEnd = (id: string): void => this.#results.unwatch(id)
    this.#expectations = new Expectations({ clock, max, maxAgeMs, keepsSettled: true, onEnd })
    this.#results = options.results((id, value) => this.#onResult(id, value))
  }

  get waiting(): number {
    return this.#expectations.waiting
  }

  /** A broker on the same engine must be started before. */
  async start(): Promise<void> {
    if (this.#isStarted) return
    await this.#results.start()
    this.#isStarted = true
  }

  async stop(): Promise<void> {
    this.#isStarted = false
    this.#expectations.clear(new LovageError('BROKER_CLOSED'))
    await this.#results.stop()
  }

  async expect(id: string): Promise<Expectation> {
    this.#assertStarted()
    const expectation = this.#expectations.open(id)
    // What was stored before comes at once, as what is stored from now on does.
    if (this.#expectations.has(id)) this.#results.watch(id)
    return expectation
  }

  async put(outcome: Outcome): Promise<void> {
    this.#assertStarted()
    const { types, resultExpiresMs: keepMs } = this.#options
    await this.#results.put(outcome.id, encodeValue(outcome, types), { keepMs, isFinal: isReady(outcome.state) })
  }

  async get(id: string): Promise<Outcome | undefined> {
    this.#assertStarted()
    const value = await this.#results.get(id)
    return value && decodeValue(value)
  }

  async forget(id: string): Promise<void> {
    this.#assertStarted()
    this.#expectations.forget(id)
    await this.#results.drop(id)
  }

  #onResult(id: string, value: Uint8Array): void {
    let outcome: Outcome | undefined
    try {
      outcome = decodeValue(value)
    } catch (error) {
      log('error', 'backend', 'a kept result cannot be read', { id, error: messageOf(error) })
    }
    if (outcome) this.#expectations.take(outcome, value.byteLength)
  }

  #assertStarted(): void {
    if (!this.#isStarted) throw new LovageError('BROKER_CLOSED')
  }
}
