/** How much a case is to do, and what is there for it. */
export interface BenchOptions {
  /** Just enough to see that it works; its figures mean nothing. */
  tiny: boolean
  /** A RabbitMQ of the run, with a virtual host of the case's own; undefined where the machine has none. */
  amqpUrl: string | undefined
  /** Whether rows whose names begin so are asked for (`--only`). Cases that take long ask before they measure. */
  isWanted: (what: string) => boolean
  /**
   * Measures one part of a case, where rows of that name are asked for. What it gives is kept whatever becomes of the parts
   * after it; when it fails, a row says so and the case goes on.
   */
  part: (what: string, measure: () => Promise<readonly Row[]> | readonly Row[]) => Promise<readonly Row[]>
  /** All that a case can do (`--long`), for which a whole run has no time. Cases that have more to do ask. */
  long: boolean
}

/** What a value is meant to reach, in its own unit. */
export interface Aim {
  atLeast?: number
  atMost?: number
  /** Why it is not reached, in a sentence or two; told only where that is so. */
  why?: string
}

/** One measured value. Whatever is known beside it stands in the same row of the report. */
export interface Figure {
  /** What was measured, e.g. `'publish, confirmed, 64 in flight'`. Unlike any other of its case. */
  what: string
  value: number
  /** E.g. `'/s'`, `'ms'`, or `'x'` for a ratio. */
  unit: string
  note?: string
  /** First and third quartile over the rounds, in the same unit. */
  spread?: readonly [number, number]
  aim?: Aim
  /** Figures with the same group share a table and a chart, e.g. `'round trip, 64 in flight'`. */
  group?: string
  /** Whose value it is in the group, e.g. `'lovage'` or `'amqplib'`. Of a ratio: whom Lovage's is divided by. */
  contender?: string
  /** Of each call, in milliseconds. */
  percentiles?: Percentiles
  /** CPU time for each task, call or request in the contender's own processes, in microseconds. */
  cpuMicros?: number
  /** The same in the server that it uses. */
  serverCpuMicros?: number
  /** What its processes held of the machine's memory at the end (RSS), in MiB. */
  memoryMiB?: number
  /** The point of a curve that this is: `{ curve: 'drain by payload', x: 100, axis: 'bytes' }`; the contender is the line. */
  at?: { curve: string; x: number; axis: string }
  /** Where it is one piece of many that make a bar: the bar, the group that it stands in, its tone, and what it is. */
  stack?: { group: string; bar: string; part: string; detail: string }
}

export interface Percentiles {
  p50: number
  p99: number
  p999: number
}

/** A row that could not be measured here. */
export interface LeftOut {
  what: string
  /** E.g. `'no RabbitMQ on this machine'`. */
  leftOut: string
  /** It is left out because it went wrong. */
  failed?: true
}

/** A row of what a case measured. */
export type Row = Figure | LeftOut

/** The default export of each file in bench/cases. Returns what it measured; throws when it cannot. */
export type BenchCase = (options: BenchOptions) => Promise<Row[]> | Row[]

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
