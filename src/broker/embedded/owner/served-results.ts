import { PassingSet } from '../../../base/passing.ts'
import type { KeptResult } from '../journal/kept-result.ts'
import type { Results } from '../results.ts'
import type { ByteReader } from '../wire/byte-reader.ts'
import { ASK, SAY } from '../wire/frames.ts'
import type { Served } from './served.ts'

/** Keys that one client may watch. */
const MOST_WATCHED = 1_000_000

/** What one client has to do with the results of the engine. */
export class ServedResults {
  #served: Served
  #results: Results
  #whenDurable: (fn: () => void) => void
  #watched = new PassingSet<string>()
  /** Keys of which it has not been told, because it reads more slowly than results come. */
  #late = new PassingSet<string>()
  readonly #onResult = (result: KeptResult): void => this.#send(result)

  constructor(served: Served, results: Results, whenDurable: (fn: () => void) => void) {
    this.#served = served
    this.#results = results
    this.#whenDurable = whenDurable
  }

  /** Answers a question about results; false for any other. */
  answer(id: number, kind: number, frame: ByteReader): boolean {
    switch (kind) {
      case ASK.putResult:
        this.#put(frame.text(), Buffer.from(frame.bytes()), frame.f64(), frame.u8() === 1)
        this.#whenDurable(() => this.#served.done(id))
        return true
      case ASK.getResult:
        this.#served.answer(id, this.#results.get(frame.text())?.value ?? null)
        return true
      case ASK.dropResult:
        this.#results.delete(frame.text())
        this.#whenDurable(() => this.#served.done(id))
        return true
      default:
        return false
    }
  }

  #put(key: string, value: Buffer, keepMs: number, isFinal: boolean): void {
    if (!(keepMs >= 0)) throw new RangeError(`a result is to be kept for ${keepMs} ms`)
    this.#results.put(key, value, keepMs, isFinal)
  }

  /** Tells of what is there under these keys, and of all that comes. */
  watch(frame: ByteReader): void {
    while (frame.left > 0) {
      const key = frame.text()
      if (!this.#watched.has(key) && this.#watched.size < MOST_WATCHED) {
        this.#watched.add(key)
        this.#results.watch(key, this.#onResult)
      }
      const there = this.#results.get(key)
      if (there) this.#send(there)
    }
  }

  unwatch(key: string): void {
    if (this.#watched.delete(key)) this.#results.unwatch(key, this.#onResult)
    this.#late.delete(key)
  }

  end(): void {
    for (const key of this.#watched) this.#results.unwatch(key, this.#onResult)
    this.#watched.clear()
    this.#late.clear()
  }

  /** Tells of what it was not told of before, as it stands now, as far as there is room. */
  sendLate(): void {
    for (const key of this.#late) {
      if (this.#served.isBehind) return
      this.#late.delete(key)
      const result = this.#results.get(key)
      if (result) this.#send(result)
    }
  }

  #send({ key, value }: KeptResult): void {
    // Its keys are bounded and what is kept is, what is said of it is not.
    if (this.#served.isBehind) return void this.#late.add(key)
    this.#served.say(SAY.result, (writer) => {
      writer.text(key)
      writer.raw(value)
    })
  }
}
