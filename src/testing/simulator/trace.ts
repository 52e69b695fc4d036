import type { Clock } from '../../base/clock.ts'

/** Most that is kept of one schedule. */
const MOST_LINES = 20_000

/** What happened in a schedule, in order. Written out only when somebody wants to read it. */
export class Trace {
  readonly #clock: Clock
  readonly #entries: [atMs: number, who: string, what: string][] = []

  readonly #isOn: boolean

  constructor(clock: Clock, isOn: boolean) {
    this.#clock = clock
    this.#isOn = isOn
  }

  add(who: string, what: string): void {
    if (this.#isOn && this.#entries.length < MOST_LINES) this.#entries.push([this.#clock.monotonic(), who, what])
  }

  /** One line each: milliseconds since the beginning, who, what. */
  lines(): string[] {
    return this.#entries.map(([atMs, who, what]) => `${atMs.toFixed(3).padStart(12)}  ${who.padEnd(12)} ${what}`)
  }
}
