import { didYouMean } from '../app/check.ts'
import type { AnySignature } from '../app/canvas.ts'
import type { Clock } from '../base/clock.ts'
import { LovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { derivedIds } from '../canvas/derived-id.ts'
import type { DueEntry, DueList, Store } from '../store/store.ts'
import type { Entry } from './entry.ts'
import { type Definition, decodeState, encodeState, type EntryState, newEntry } from './entry-state.ts'
import { nextAction } from './next-action.ts'
import { StoreTime } from './store-time.ts'
import { readEntry, type Timetable } from './timetable.ts'
import { asked, MOST_ASKED, paused, redefined, resumed } from './transitions.ts'

/** An entry as the ledger has it. */
export interface LedgerEntry {
  readonly name: string
  readonly state: EntryState
  readonly timetable: Timetable
  /** When a scheduler looks at it next: at its next tick, as a rule. `Infinity`: when it is changed. */
  readonly atMs: number
  /** Of its record in the store: what is settled with it fails when somebody else has changed the entry. */
  readonly version: number
}

/** Where a ledger is, and how it is read. */
export interface LedgerOptions {
  readonly store: Store
  /** All schedulers of one name share one ledger: the name of the application, as a rule. */
  readonly name: string
  /** Whose clocks count for entries that name no time zone. */
  readonly timezone: string
  readonly clock: Clock
}

/** How often a change is tried anew that others come before. */
const TRIES = 20

/** Most entries that are read in one piece. */
const PAGE = 500

/**
 * What all schedulers of one name know of their entries: a due list of the store. Everybody may read it and change it, at any
 * time; schedulers see to it at once.
 */
export class Ledger {
  readonly name: string
  readonly list: DueList
  readonly #timezone: string
  readonly #time: StoreTime
  readonly #clock: Clock

  constructor({ store, name, timezone, clock }: LedgerOptions) {
    this.name = name
    this.list = store.due(`beat:${name}`)
    this.#time = new StoreTime(store, `beat-clock:${name}`, clock)
    this.#timezone = timezone
    this.#clock = clock
  }

  /** The time by which ticks are due: the store's. */
  now(): Promise<number> {
    return this.#time.now()
  }

  /** All entries, by name. Those that a later version wrote are left out. */
  async all(): Promise<LedgerEntry[]> {
    const found = new Map<string, LedgerEntry>()
    for (let after: DueEntry | undefined; ;) {
      const page = await this.list.list({ limit: PAGE, ...(after && { after }) })
      for (const one of page) {
        const entry = this.read(one)
        if (entry) found.set(entry.name, entry)
      }
      after = page.at(-1)
      if (!after) break
    }
    return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** @throws LovageError `SCHEDULE_UNKNOWN` */
  async find(name: string): Promise<LedgerEntry> {
    let names: string[] = []
    // One that is put at another time while the list is read may be in none of its pages.
    for (let tries = 0; tries < 3; tries++) {
      const entries = await this.all()
      const entry = entries.find((one) => one.name === name)
      if (entry) return entry
      names = entries.map((one) => one.name)
    }
    const fix = names.length > 0 ? didYouMean(name, names.slice(0, 50)) : 'There is none at all: start a beat first'
    throw new LovageError('SCHEDULE_UNKNOWN', { entry: name, ledger: this.name, fix })
  }

  /** No tick of it comes until it is resumed; runs that are asked for do. */
  async pause(name: string): Promise<LedgerEntry> {
    return this.#change(name, paused)
  }

  /** Its ticks come again. What was due meanwhile does not. */
  async resume(name: string): Promise<LedgerEntry> {
    const nowMs = await this.now()
    return this.#change(name, (state) => resumed(state, nowMs))
  }

  /** Has it sent once, now, by a scheduler that runs. Gives the id that the task will have. */
  async run(name: string): Promise<string> {
    const token = this.#clock.uuid()
    await this.#change(name, (state) => {
      if (state.asked.length < MOST_ASKED) return asked(state, token)
      const problem = `has been asked for ${MOST_ASKED} times, and no scheduler has sent it`
      throw new LovageError('SCHEDULE_INVALID', { entry: name, field: 'run', problem, fix: 'Start one: lovage beat' })
    })
    return this.idsOf(name, `asked ${token}`)()
  }

  /**
   * Adds an entry, or gives one of this name another schedule. One that stands in the code has that of the code again as
   * soon as that has changed.
   * @throws LovageError `SCHEDULE_INVALID`
   */
  async put(name: string, entry: Entry<AnySignature>): Promise<LedgerEntry> {
    const definition = definitionOf(name, entry, this.#timezone)
    const nowMs = await this.now()
    return this.change(name, (state) =>
      state ? redefined(state, { definition, code: state.code }, nowMs) : newEntry(definition, nowMs, null),
    )
  }

  /**
   * Takes out an entry that was added at run time.
   * @throws LovageError `SCHEDULE_UNKNOWN`, `SCHEDULE_INVALID` for one that stands in the code
   */
  async remove(name: string): Promise<void> {
    const { state } = await this.find(name)
    if (state.code !== null) {
      const fix = 'Pause it, or take it out of the code'
      throw new LovageError('SCHEDULE_INVALID', { entry: name, field: 'entry', problem: 'stands in the code', fix })
    }
    await this.list.remove(name)
  }

  /**
   * Changes an entry as often as it takes until nobody has come between. Ticks come by what it is then.
   * @param next what it is to be; undefined: there is no such entry yet
   */
  async change(name: string, next: (state: EntryState | undefined) => EntryState): Promise<LedgerEntry> {
    for (let tries = 0; tries < TRIES; tries++) {
      const there = (await this.all()).find((one) => one.name === name)
      const state = next(there?.state)
      const version = await this.settle({ name, version: there?.version ?? 0 }, state)
      if (version !== undefined) return { ...this.#entry(name, state), ...version }
    }
    throw new LovageError('STORE_UNREACHABLE', { url: this.name, problem: 'others change the entry all the time' })
  }

  /**
   * Writes down what an entry has become, where it is still of this version: compare-and-set. Undefined: somebody else has
   * taken or changed it.
   * @param atMs when it is looked at next. Default: when there is something to be done
   */
  async settle(
    { name, version }: Pick<LedgerEntry, 'name' | 'version'>,
    state: EntryState,
    atMs?: number,
  ): Promise<Pick<LedgerEntry, 'version' | 'atMs'> | undefined> {
    const when = atMs ?? this.lookOf({ name, state })
    const written = await this.list.put(name, { atMs: when, value: encodeState(state), ifVersion: version })
    return written === undefined ? undefined : { version: written, atMs: when }
  }

  /** Undefined: a later version wrote it, with something that this one cannot read. */
  read({ id: name, value, atMs, version }: DueEntry): LedgerEntry | undefined {
    try {
      const state = decodeState(typeof value === 'string' ? value : Buffer.from(value).toString())
      if (state) return { ...this.#entry(name, state), atMs, version }
    } catch (error) {
      log('warn', 'beat', 'entry of the ledger cannot be read', { entry: name, error: messageOf(error) })
    }
    return undefined
  }

  /** When there is something to be done about an entry; what is due already is at once, whatever the time. */
  lookOf({ name, state }: Pick<LedgerEntry, 'name' | 'state'>): number {
    const action = nextAction(state, readEntry(name, state.definition, this.#timezone), { nowMs: 0 })
    return action.kind === 'wait' ? action.atMs : 0
  }

  /** Ids of what an entry sends, the task's first: whoever sends the same sends it under the same ids. */
  idsOf(name: string, seed: string): () => string {
    return derivedIds(`beat\0${this.name}\0${name}\0${seed}`)
  }

  #entry(name: string, state: EntryState): Pick<LedgerEntry, 'name' | 'state' | 'timetable'> {
    return { name, state, timetable: readEntry(name, state.definition, this.#timezone) }
  }

  async #change(name: string, next: (state: EntryState) => EntryState): Promise<LedgerEntry> {
    await this.find(name)
    return this.change(name, (state) => {
      if (state) return next(state)
      throw new LovageError('SCHEDULE_UNKNOWN', { entry: name, ledger: this.name, fix: 'It was taken out just now' })
    })
  }
}

/**
 * An entry as plain data, with the time zone that it is read in.
 * @throws LovageError `SCHEDULE_INVALID`
 */
export function definitionOf(name: string, entry: Entry<AnySignature>, timezone: string): Definition {
  readEntry(name, entry, timezone)
  const data: unknown = entry.task?.data
  if (typeof data === 'object' && data !== null) return { timezone, ...entry, task: entry.task.data }
  const fix = 'Give it a signature: report.s(), or chain(...), group(...), chord(...)'
  throw new LovageError('SCHEDULE_INVALID', { entry: name, field: 'task', problem: 'is no signature', fix })
}
