/** How much a case is to do, and what is there for it. */
export interface BenchOptions {
  /** Just enough to see that it works; its figures mean nothing. */
  tiny: boolean
  /** A RabbitMQ of the run, with a virtual host of the case's own; undefined where the machine has none. */
  amqpUrl: string | undefined
  /** Whether rows whose names begin so are asked for (`--only`). Cases that take long ask before they measure. */
  isWanted: (what: string) => boolean
}

/** One measured value. */
export interface Figure {
  /** What was measured, e.g. `'publish, confirmed, 64 in flight'`. */
  what: string
  value: number
  /** E.g. `'/s'`, `'ms'`, or `'x'` for a ratio. */
  unit: string
  note?: string
}

/** A row that could not be measured here. */
export interface LeftOut {
  what: string
  /** E.g. `'no RabbitMQ on this machine'`. */
  leftOut: string
}

/** The default export of each file in bench/cases. Returns what it measured; throws when it cannot. */
export type BenchCase = (options: BenchOptions) => Promise<(Figure | LeftOut)[]> | (Figure | LeftOut)[]

/** Calls `work` over and over for about `seconds` and returns the calls a second. */
export function rate(work: () => void, seconds: number): number {
  const from = performance.now()
  let calls = 0
  for (let batch = 1; ; batch = Math.min(batch * 2, 10_000)) {
    for (let i = 0; i < batch; i++) work()
    calls += batch
    const elapsed = (performance.now() - from) / 1_000
    if (elapsed >= seconds) return calls / elapsed
  }
}
