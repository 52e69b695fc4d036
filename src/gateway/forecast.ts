/** What a forecast goes by. */
export interface ForecastOptions {
  /** Part of its time that a new task may be expected to take, wait included. */
  readonly safety: number
  /** Part of the drain that is promised to those who are sent away; the rest is left to who comes. */
  readonly share: number
  /** A sample older than this says nothing. */
  readonly staleMs: number
  /** Nobody is sent away for longer. */
  readonly longestMs: number
  /** How late one may come to a moment that was promised to him. */
  readonly lateMs: number
  /** Most promises that are remembered. */
  readonly most: number
}

/** What is decided of a request. */
export type Verdict = { readonly isIn: true } | { readonly isIn: false; readonly retryInMs: number }

const IN: Verdict = { isIn: true }

/** Weight of the newest run time. */
const WEIGHT = 0.1

/** Least time after which one who was sent away comes again; `Retry-After` has whole seconds. */
const LEAST_MS = 1_000

/**
 * What is to be expected of one queue, and what was promised to those who were sent away. Pure: time comes in with each
 * call, in milliseconds of one clock that never goes back.
 *
 * As many run at a time as there are slots, each for as long as runs have lasted lately: so many leave the queue a second.
 * A task that comes now waits for those before it, and then runs; if that is more than its caller has time for, it is sent
 * away. To each who is sent away a moment of his own is promised, at the pace of the drain, and the queue is kept short
 * enough for those who come to theirs.
 */
export class Forecast {
  readonly #options: ForecastOptions
  #sample: { readonly atMs: number; readonly waiting: number; readonly slots: number } | undefined
  /** Of ours, since the sample. */
  #sent = 0
  #runMs: number | undefined
  readonly #ownRunMs = new Map<string, number>()
  /** By whom it was promised to, each with one moment. In order of the moments. */
  readonly #promises = new Map<string, number>()
  #lastMs = 0

  constructor(options: ForecastOptions) {
    this.#options = options
  }

  /** How many wait in the queue, and how many can run at a time. */
  sampled(nowMs: number, waiting: number, slots: number): void {
    this.#sample = { atMs: nowMs, waiting, slots }
    this.#sent = 0
  }

  /** One of the queue has run for so long. */
  ran(task: string, runMs: number): void {
    this.#runMs = mixed(this.#runMs, runMs)
    this.#ownRunMs.set(task, mixed(this.#ownRunMs.get(task), runMs))
  }

  /** One was sent to the queue from here. */
  sent(): void {
    this.#sent++
  }

  /** Tasks that leave the queue a millisecond; undefined: nobody knows. */
  perMs(nowMs: number): number | undefined {
    const sample = this.#sample
    if (!sample || this.#runMs === undefined || nowMs - sample.atMs > this.#options.staleMs) return undefined
    return sample.slots / Math.max(this.#runMs, 0.1)
  }

  /** How long a task that comes now waits; undefined: nobody knows. */
  waitMs(nowMs: number): number | undefined {
    const perMs = this.perMs(nowMs)
    if (perMs === undefined || !this.#sample) return undefined
    const { atMs, waiting } = this.#sample
    const ahead = Math.max(0, waiting + this.#sent - (nowMs - atMs) * perMs)
    return ahead === 0 ? 0 : perMs === 0 ? Infinity : ahead / perMs
  }

  /** Whether a task is let in whose caller has `leftMs`; `who` is what he is known by when he comes again. */
  judge(nowMs: number, task: string, leftMs: number, who: string): Verdict {
    const { safety } = this.#options
    const waitMs = this.waitMs(nowMs)
    const perMs = this.perMs(nowMs)
    const isPromised = this.#claim(nowMs, who)
    // Where nobody knows, and where nothing waits, nobody is sent away.
    if (waitMs === undefined || perMs === undefined || waitMs === 0) return IN
    const runMs = this.#ownRunMs.get(task) ?? this.#runMs ?? 0
    if (isPromised) return waitMs + runMs <= leftMs ? IN : this.#promise(nowMs, who, perMs, waitMs)
    const roomMs = safety * leftMs - runMs
    const kept = perMs === 0 ? 0 : this.#promisedUntil(nowMs, nowMs + Math.max(0, roomMs)) / perMs
    return waitMs + kept <= roomMs ? IN : this.#promise(nowMs, who, perMs, waitMs - roomMs)
  }

  /** Moments that are promised and have not been claimed. */
  get promised(): number {
    return this.#promises.size
  }

  /** A moment that was promised elsewhere, and is claimed here, or the other way round. */
  forget(who: string): void {
    this.#promises.delete(who)
  }

  #claim(nowMs: number, who: string): boolean {
    const { lateMs } = this.#options
    for (const [id, atMs] of this.#promises) {
      if (atMs + lateMs >= nowMs) break
      this.#promises.delete(id)
    }
    const atMs = this.#promises.get(who)
    if (atMs === undefined || atMs > nowMs) return false
    this.#promises.delete(who)
    return true
  }

  #promise(nowMs: number, who: string, perMs: number, overMs: number): Verdict {
    const { share, longestMs, most } = this.#options
    const known = this.#promises.get(who)
    // Who comes too early is told the same moment again.
    if (known !== undefined) return { isIn: false, retryInMs: known - nowMs }
    const paceMs = perMs === 0 ? longestMs : 1 / (share * perMs)
    const atMs = Math.max(this.#lastMs + paceMs, nowMs + Math.max(LEAST_MS, Math.min(overMs, longestMs)))
    const isFull = atMs - nowMs > longestMs || this.#promises.size >= most
    if (isFull) return { isIn: false, retryInMs: longestMs }
    this.#lastMs = atMs
    this.#promises.set(who, atMs)
    return { isIn: false, retryInMs: atMs - nowMs }
  }

  #promisedUntil(fromMs: number, untilMs: number): number {
    let count = 0
    for (const atMs of this.#promises.values()) {
      if (atMs > untilMs) break
      if (atMs + this.#options.lateMs >= fromMs) count++
    }
    return count
  }
}

function mixed(before: number | undefined, now: number): number {
  return before === undefined ? now : before + WEIGHT * (now - before)
}
