import type { App } from '../app/app.ts'
import type { AnySignature } from '../app/canvas.ts'
import { checkAll, shown, text, Unfit, wait, type Checks } from '../app/check.ts'
import { childPlace } from '../app/child-place.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import type { Duration } from '../base/duration.ts'
import { LovageError } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { Service } from '../base/service.ts'
import type { Entry } from './entry.ts'
import { Ledger } from './ledger.ts'
import { readEntries, tellLedger } from './prepare.ts'
import { Rounds } from './rounds.ts'

export { crontab, type Entry, type EntryOptions, every, type Missed, type Overlap, solar } from './entry.ts'
export type { CronField, CronFields } from './cron-fields.ts'
export type { EntryState, LastRun } from './entry-state.ts'
export { type ComingTick, type ScheduleInfo, Schedules, schedules, type SchedulesOptions } from './schedules.ts'
export { Ledger, type LedgerEntry, type LedgerOptions } from './ledger.ts'

/** What is sent when, by name. */
export type Entries = Readonly<Record<string, Entry<AnySignature>>>

export interface BeatOptions {
  /** All schedulers of one name share one ledger, and send each tick once. Default: the application's. */
  readonly name?: string
  /** Longest time between two looks at the whole ledger. Ticks do not wait for it. Default `'1m'`. */
  readonly maxInterval?: Duration
  /**
   * How long an entry belongs to the scheduler that has taken it, to send its tick. When that one dies in between, another
   * sends it so much later. At least `'1s'`. Default `'15s'`.
   */
  readonly lease?: Duration
}

/** How it goes, in this process. */
export interface BeatCounts {
  readonly sent: number
  /** Ticks that policies left out. */
  readonly skipped: number
  /** Sendings that failed, and were tried again. */
  readonly failed: number
}

type Read = { [Name in keyof BeatOptions]-?: Name extends 'name' ? string : number }

/** Shorter ones end while a tick is being sent. */
const SHORTEST_LEASE_MS = 1_000

const CHECKS: Checks<Read> = {
  name: text,
  maxInterval: wait,
  lease: (value) => {
    const ms = wait(value)
    if (ms >= SHORTEST_LEASE_MS) return ms
    throw new Unfit(
      `must be ${SHORTEST_LEASE_MS} ms or longer, and is ${shown(value)}`,
      "Write a length of time like '15s'",
    )
  },
}

/** Time becomes messages. */
export class Beat implements Service {
  readonly app: App
  /** Of its ledger. */
  readonly name: string
  readonly entries: Entries
  readonly #clock: Clock
  readonly #leaseMs: number
  #maxIntervalMs: number
  #rounds: Rounds | undefined
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined

  constructor(app: App, entries: Entries, options: BeatOptions, clock: Clock) {
    const invalid = (option: string, problem: string, fix: string): LovageError =>
      new LovageError('OPTION_INVALID', { option, where: 'beat()', problem, fix })
    const unknown = (option: string, fix: string): LovageError => invalid(option, 'does not exist', fix)
    const read = checkAll(options, CHECKS, { unknown, invalid })
    this.app = app
    this.entries = entries
    this.name = read.name ?? app.name
    this.#maxIntervalMs = read.maxInterval ?? 60_000
    this.#leaseMs = read.lease ?? 15_000
    this.#clock = clock
  }

  counts(): BeatCounts {
    return { ...(this.#rounds?.counts ?? { sent: 0, skipped: 0, failed: 0 }) }
  }

  /** Looks at the whole ledger as often at least, from its next start on. */
  lookEvery(maxInterval: Duration): this {
    this.#maxIntervalMs = wait(maxInterval)
    return this
  }

  /**
   * Tells the ledger what the code says, and begins to send. In a thread or process of a pool it does nothing.
   * @throws LovageError `SCHEDULE_INVALID`, `CAPABILITY_MISSING` without a store, `STORE_UNREACHABLE`, `BROKER_UNREACHABLE`
   */
  start(): Promise<void> {
    if (childPlace()) return Promise.resolve()
    if (this.#stopping) return this.#stopping.then(() => this.start())
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#starting = undefined
      throw error
    })
    return this.#starting
  }

  /** Ends what is being sent, and sends no more. What is due from now on is sent by others, or missed. */
  stop(): Promise<void> {
    if (!this.#starting) return Promise.resolve()
    this.#stopping ??= this.#stop(this.#starting).finally(() => {
      this.#starting = undefined
      this.#stopping = undefined
    })
    return this.#stopping
  }

  async #start(): Promise<void> {
    const { app, name } = this
    const definitions = await readEntries(app, this.entries)
    const ledger = await openLedger(app, { name, clock: this.#clock })
    await app.client()
    await tellLedger(ledger, definitions)
    const clock = this.#clock
    const retell = async (): Promise<void> => {
      if (definitions.size === 0) return
      log('warn', 'beat', 'the ledger has lost its entries: those of the code begin anew', { ledger: name })
      await tellLedger(ledger, definitions)
    }
    const [maxIntervalMs, leaseMs] = [this.#maxIntervalMs, this.#leaseMs]
    this.#rounds = new Rounds({ app, ledger, clock, maxIntervalMs, leaseMs, retell })
    await this.#rounds.begin()
    log('info', 'beat', 'beat ready', { ledger: name, entries: definitions.size })
  }

  async #stop(starting: Promise<void>): Promise<void> {
    await starting.catch(() => {})
    await this.#rounds?.end()
    log('info', 'beat', 'beat stopped', { ledger: this.name, ...this.counts() })
  }
}

/**
 * A scheduler for the tasks of an application, not started: `beat(app, { nightly: crontab('30 2 * * *', report.s()) })`. Any
 * number of them may run; each tick is sent once.
 * @throws LovageError `OPTION_INVALID`
 */
export function beat(
  app: App,
  entries: Entries = {},
  options: BeatOptions = {},
  { clock = systemClock }: { clock?: Clock } = {},
): Beat {
  return new Beat(app, entries, options, clock)
}

/**
 * What the schedulers of an application know of their entries, to be read and changed by anybody.
 * @throws LovageError `CAPABILITY_MISSING` without a store, `STORE_UNREACHABLE`
 */
export async function openLedger(
  app: App,
  { name = app.name, clock = systemClock }: { name?: string; clock?: Clock } = {},
): Promise<Ledger> {
  return new Ledger({ store: await app.store('A beat'), name, timezone: app.settings.timezone, clock })
}
