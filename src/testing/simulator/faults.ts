import type { Timeline } from './timeline.ts'

/**
 * What may go wrong, and how likely. Each schedule takes some of these, drawn by its seed, more or less often than said
 * here; so that some schedules suffer from one thing alone, and some from none.
 */
export interface Faults {
  /** A worker, or a process of `world.peer`, dies at one of its steps (`kill -9`); workers come again. Default 0.02 a step. */
  readonly crash?: number
  /** A worker is told to stop, warmly, and another takes its place. Default 0.01 a step. */
  readonly stop?: number
  /** A process stands still for up to three seconds. Default 0.01 a step. */
  readonly stall?: number
  /** A connection is lost, with all that is on its way; one in four is noticed late. RabbitMQ only. Default 0.01 a packet. */
  readonly cut?: number
  /** The broker dies and comes again, with what it had on disk. RabbitMQ only. Default 0.003 a packet. */
  readonly restart?: number
  /** The server closes a channel that is consumed on, as its `consumer_timeout` does. RabbitMQ only. Default 0.03 a packet. */
  readonly closeChannel?: number
  /** A message is sent twice, as a sender does that did not hear the first confirmation. Default 0.1 a message. */
  readonly duplicate?: number
  /** Something that is waited for takes long, up to `longestDelayMs`. Default 0.05 a wait. */
  readonly delay?: number
  /** Default 1,000 ms. */
  readonly longestDelayMs?: number
}

/** Faults that strike by chance. */
export type FaultName = Exclude<keyof Faults, 'longestDelayMs'>

const DEFAULTS: Readonly<Record<FaultName, number>> = {
  crash: 0.02,
  stop: 0.01,
  stall: 0.01,
  cut: 0.01,
  restart: 0.003,
  closeChannel: 0.03,
  duplicate: 0.1,
  delay: 0.05,
}

const NAMES = Object.keys(DEFAULTS) as FaultName[]

/** Most strikes of one fault in one schedule: work must get on in between. */
const MOST_STRIKES = 6

/** A small delay, as every wait takes. */
const USUAL_DELAY_MS = 2

/** The faults of one schedule. */
export class FaultKit {
  /** How often each has struck. */
  readonly struck: Record<FaultName, number>
  readonly #timeline: Timeline
  readonly #chances: Record<FaultName, number>
  readonly #longestDelayMs: number
  #isCalm = true

  constructor(timeline: Timeline, faults: Faults) {
    this.#timeline = timeline
    this.#longestDelayMs = faults.longestDelayMs ?? 1_000
    const { random } = timeline
    const draw = (name: FaultName): [FaultName, number] => {
      const isOn = random() < 0.5
      const strength = 3 * random() ** 2
      return [name, isOn ? (faults[name] ?? DEFAULTS[name]) * strength : 0]
    }
    this.#chances = Object.fromEntries(NAMES.map(draw)) as Record<FaultName, number>
    this.struck = Object.fromEntries(NAMES.map((name) => [name, 0])) as Record<FaultName, number>
  }

  /** No fault strikes before. */
  begin(): void {
    this.#isCalm = false
  }

  /** No fault strikes from now on. */
  calm(): void {
    this.#isCalm = true
  }

  /** Whether it strikes here and now. */
  strikes(name: FaultName): boolean {
    if (this.#isCalm) return false
    const chance = this.#chances[name]
    if (chance === 0 || this.#timeline.random() >= chance) return false
    if (name !== 'delay' && name !== 'duplicate' && this.struck[name] >= MOST_STRIKES) return false
    this.struck[name]++
    return true
  }

  /** How long something on its way takes. */
  delayMs(): number {
    const { random } = this.#timeline
    return this.strikes('delay') ? random() * this.#longestDelayMs : random() * USUAL_DELAY_MS
  }

  /** A number from `low` to `high`. */
  between(low: number, high: number): number {
    return low + this.#timeline.random() * (high - low)
  }
}
