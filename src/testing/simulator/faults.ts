import { seededRandom } from '../seeded.ts'

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
  /** A connection is lost, with all that is on its way; one in four is noticed late. RabbitMQ and Redis. Default 0.01 a packet. */
  readonly cut?: number
  /** The broker dies and comes again, with what it had on disk. RabbitMQ and Redis. Default 0.003 a packet. */
  readonly restart?: number
  /** The server closes a channel that is consumed on, as its `consumer_timeout` does. RabbitMQ only. Default 0.03 a packet. */
  readonly closeChannel?: number
  /** A message is sent twice, at once or later, as a sender does that heard of no confirmation. Default 0.1 a message. */
  readonly duplicate?: number
  /** Something that is waited for takes long, up to `longestDelayMs`. Default 0.05 a wait. */
  readonly delay?: number
  /** The server answers nobody for up to four seconds. Redis only. Default 0.01 a packet. */
  readonly pause?: number
  /** The server is a replica for up to six seconds, which takes no writes. Redis only. Default 0.01 a packet. */
  readonly demote?: number
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
  pause: 0.01,
  demote: 0.01,
}

const NAMES = Object.keys(DEFAULTS) as FaultName[]

/** Most strikes of one fault in one schedule: work must get on in between. */
const MOST_STRIKES = 6

/** Make other streams of numbers of the same seed. */
const FAULTS = 0x2545f491
const LATER_FAULTS = 0x6c078965

/** Faults that came later: what is drawn for them changes nothing of what seeds have meant before. */
const LATER: readonly FaultName[] = ['pause', 'demote']

/** A small delay, as every wait takes. */
const USUAL_DELAY_MS = 2

/** One strike of a fault. */
export interface Strike {
  /** Its number among those of its schedule. */
  readonly number: number
  readonly fault: FaultName
  /** What it struck. */
  readonly at: string
  /** Virtual time, in milliseconds since the beginning. */
  readonly atMs: number
}

/** How a {@link FaultKit} is made. */
export interface FaultKitOptions {
  readonly seed: number
  readonly faults: Faults
  /** Numbers of the strikes that are let through. Default: all. */
  readonly only?: readonly number[] | undefined
  readonly nowMs: () => number
  readonly onStrike?: (strike: Strike) => void
}

/** The faults of one schedule. It draws from numbers of its own: what the scenario draws is the same without any fault. */
export class FaultKit {
  /** How often each has struck. */
  readonly struck: Record<FaultName, number>
  readonly strikesSoFar: Strike[] = []
  /** For each fault numbers of its own, so that one that is left out changes as little as can be of the others. */
  readonly #draws: Readonly<Record<FaultName, () => number>>
  readonly #random: () => number
  readonly #nowMs: () => number
  readonly #onStrike: ((strike: Strike) => void) | undefined
  readonly #only: ReadonlySet<number> | undefined
  readonly #chances: Record<FaultName, number>
  readonly #longestDelayMs: number
  #drawn = 0
  #isCalm = true

  constructor({ seed, faults, only, nowMs, onStrike }: FaultKitOptions) {
    this.#nowMs = nowMs
    this.#onStrike = onStrike
    this.#only = only && new Set(only)
    this.#longestDelayMs = faults.longestDelayMs ?? 1_000
    const random = (this.#random = seededRandom(seed ^ FAULTS))
    const later = seededRandom(seed ^ LATER_FAULTS)
    const drawFor = (name: FaultName): (() => number) => (LATER.includes(name) ? later : random)
    const draw = (name: FaultName): [FaultName, number] => {
      const isOn = drawFor(name)() < 0.5
      const strength = 3 * drawFor(name)() ** 2
      return [name, isOn ? (faults[name] ?? DEFAULTS[name]) * strength : 0]
    }
    this.#chances = Object.fromEntries(NAMES.map(draw)) as Record<FaultName, number>
    this.#draws = Object.fromEntries(NAMES.map((name) => [name, seededRandom(drawFor(name)() * 2 ** 32)])) as Record<
      FaultName,
      () => number
    >
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

  /** Whether it strikes here and now. `at` names what it would strike. */
  strikes(fault: FaultName, at = ''): boolean {
    if (this.#isCalm) return false
    const chance = this.#chances[fault]
    if (chance === 0 || this.#draws[fault]() >= chance) return false
    if (fault !== 'delay' && fault !== 'duplicate' && this.struck[fault] >= MOST_STRIKES) return false
    const number = ++this.#drawn
    if (this.#only && !this.#only.has(number)) return false
    this.struck[fault]++
    const strike: Strike = { number, fault, at, atMs: this.#nowMs() }
    this.strikesSoFar.push(strike)
    this.#onStrike?.(strike)
    return true
  }

  /** How long something on its way takes. */
  delayMs(at?: string): number {
    return this.#random() * (this.strikes('delay', at) ? this.#longestDelayMs : USUAL_DELAY_MS)
  }

  /** A number from `low` to `high`. */
  between(low: number, high: number): number {
    return low + this.#random() * (high - low)
  }
}
