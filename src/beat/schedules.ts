import type { App } from '../app/app.ts'
import type { AnySignature } from '../app/canvas.ts'
import { whole } from '../app/check.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { LovageError } from '../base/errors.ts'
import type { Entry } from './entry.ts'
import { newEntry } from './entry-state.ts'
import { definitionOf, Ledger, type LedgerEntry } from './ledger.ts'
import { checkDefinition } from './prepare.ts'
import { scheduleText } from './schedule-text.ts'
import type { Tick } from './timetable.ts'
import { redefined } from './transitions.ts'

/** What is known of an entry. */
export interface ScheduleInfo {
  readonly name: string
  /** When it is due, as people write it: `30 2 * * mon-fri`, `every 15m`, `sunset at 31.23, 121.47`. */
  readonly schedule: string
  /** Whose clocks count. */
  readonly timezone: string
  /** Name of the task; of a canvas, what it is: `celery.chain`. */
  readonly task: string
  /** It stands in the code of a beat; else it was added at run time. */
  readonly isInCode: boolean
  readonly isPaused: boolean
  /** False: the code says that it is never due. */
  readonly isEnabled: boolean
  /** Ticks that have been sent, and runs that were asked for. */
  readonly runs: number
  /** Ticks that were left out, by its policies. */
  readonly skipped: number
  /** Sendings that have failed since the last that went well. */
  readonly failures: number
  /** What was sent last, and when; null: nothing yet. */
  readonly last: { readonly id: string; readonly at: Date } | null
  /** When it is sent next, jitter included; null: not as it is now. */
  readonly next: Date | null
}

/** A tick to come. */
export interface ComingTick {
  readonly name: string
  /** What the schedule says. */
  readonly due: Date
  /** When it is sent: `due` and its jitter. */
  readonly at: Date
  readonly timezone: string
}

export interface SchedulesOptions {
  /** Of the ledger; see `BeatOptions`. Default: the application's. */
  readonly name?: string
  readonly clock?: Clock
}

/** Ticks that may be asked for at a time. */
const MOST_TICKS = 10_000

/** The schedules of an application, wherever its beats run. All of it holds from now on, and after a restart of them. */
export class Schedules {
  readonly #app: App
  readonly #name: string
  readonly #clock: Clock

  constructor(app: App, { name = app.name, clock = systemClock }: SchedulesOptions) {
    this.#app = app
    this.#name = name
    this.#clock = clock
  }

  /** All entries, by name. @throws LovageError `CAPABILITY_MISSING` without a store, `STORE_UNREACHABLE`; as all methods */
  async list(): Promise<ScheduleInfo[]> {
    const ledger = await this.#ledger()
    const nowMs = await ledger.now()
    return (await ledger.all()).map((entry) => infoOf(entry, nowMs))
  }

  /** @throws LovageError `SCHEDULE_UNKNOWN` */
  async get(name: string): Promise<ScheduleInfo> {
    const ledger = await this.#ledger()
    return infoOf(await ledger.find(name), await ledger.now())
  }

  /**
   * The ticks that come next, of all entries that are not paused, in the order in which they are sent. `ofEach`: no more than
   * so many of one entry, so that one that comes often leaves room for the others. Default: as many as in all.
   */
  async next(count = 10, ofEach = count): Promise<ComingTick[]> {
    const most = whole(1, MOST_TICKS)(count)
    const mostOfEach = whole(1, MOST_TICKS)(ofEach)
    const ledger = await this.#ledger()
    const nowMs = await ledger.now()
    const coming = (await ledger.all()).flatMap((entry) => {
      const tick = nextTick(entry, nowMs)
      return tick ? [{ entry, tick, left: mostOfEach }] : []
    })
    const found: ComingTick[] = []
    while (found.length < most) {
      const first = coming.reduce<(typeof coming)[number] | undefined>(
        (least, one) => (one.left === 0 || (least && least.tick.atMs <= one.tick.atMs) ? least : one),
        undefined,
      )
      if (!first) break
      const { entry, tick } = first
      const [due, at] = [new Date(tick.dueMs), new Date(tick.atMs)]
      found.push({ name: entry.name, due, at, timezone: zoneOf(entry) })
      first.left--
      first.tick = entry.timetable.next(tick.dueMs)
    }
    return found
  }

  /** No tick of it comes until it is resumed. @throws LovageError `SCHEDULE_UNKNOWN` */
  async pause(name: string): Promise<ScheduleInfo> {
    const ledger = await this.#ledger()
    return infoOf(await ledger.pause(name), await ledger.now())
  }

  /** Its ticks come again; those of the time in between do not. @throws LovageError `SCHEDULE_UNKNOWN` */
  async resume(name: string): Promise<ScheduleInfo> {
    const ledger = await this.#ledger()
    return infoOf(await ledger.resume(name), await ledger.now())
  }

  /**
   * Has a beat send it once, now, paused or not, beside its ticks. Gives the id that the task will have. Where no beat runs,
   * it is sent when one does.
   * @throws LovageError `SCHEDULE_UNKNOWN`, `SCHEDULE_INVALID` when 100 such runs wait
   */
  async run(name: string): Promise<string> {
    return (await this.#ledger()).run(name)
  }

  /**
   * Adds an entry. Beats that run have it at once, as those that are started later; the code of none of them needs to know.
   * @throws LovageError `SCHEDULE_INVALID` for one that cannot be kept, or a name that is taken
   */
  async add(name: string, entry: Entry<AnySignature>): Promise<ScheduleInfo> {
    const [ledger, definition] = await this.#read(name, entry)
    const nowMs = await ledger.now()
    const added = await ledger.change(name, (state) => {
      if (!state) return newEntry(definition, nowMs, null)
      const problem = state.code === null ? 'is there already' : 'is there already, in the code of a beat'
      throw unfit(name, problem, 'Give it another name, or change the one that is there')
    })
    return infoOf(added, nowMs)
  }

  /**
   * Gives an entry that was added at run time another schedule, task and options. What it is told and has done stays: that
   * it is paused, how often it ran. Ticks of its new schedule begin now.
   * @throws LovageError `SCHEDULE_UNKNOWN`, `SCHEDULE_INVALID` for one that cannot be kept, or that stands in the code
   */
  async change(name: string, entry: Entry<AnySignature>): Promise<ScheduleInfo> {
    const [ledger, definition] = await this.#read(name, entry)
    await ledger.find(name)
    const nowMs = await ledger.now()
    const changed = await ledger.change(name, (state) => {
      if (state?.code === null) return redefined(state, { definition, code: null }, nowMs)
      throw state
        ? unfit(name, 'stands in the code of a beat', 'Change it there, or pause it and add another')
        : unfit(name, 'was removed just now', 'Add it')
    })
    return infoOf(changed, nowMs)
  }

  /**
   * Takes out an entry that was added at run time.
   * @throws LovageError `SCHEDULE_UNKNOWN`, `SCHEDULE_INVALID` for one that stands in the code
   */
  async remove(name: string): Promise<void> {
    await (await this.#ledger()).remove(name)
  }

  async #read(name: string, entry: Entry<AnySignature>): Promise<[Ledger, ReturnType<typeof definitionOf>]> {
    const definition = definitionOf(name, entry, this.#app.settings.timezone)
    await checkDefinition(this.#app, name, definition)
    return [await this.#ledger(), definition]
  }

  async #ledger(): Promise<Ledger> {
    const { settings } = this.#app
    const store = await this.#app.store('schedules(app)')
    return new Ledger({ store, name: this.#name, timezone: settings.timezone, clock: this.#clock })
  }
}

/** The schedules of an application: see them, pause and run them, add some while beats run. */
export function schedules(app: App, options: SchedulesOptions = {}): Schedules {
  return new Schedules(app, options)
}

function infoOf(entry: LedgerEntry, nowMs: number): ScheduleInfo {
  const { name, state, timetable } = entry
  const { definition, code, isPaused, sent, skipped, failures, last } = state
  const next = nextTick(entry, nowMs)
  return {
    name,
    schedule: scheduleText(definition),
    timezone: zoneOf(entry),
    task: definition.task.task,
    isInCode: code !== null,
    isPaused,
    isEnabled: timetable.policy.isEnabled,
    runs: sent,
    skipped,
    failures,
    last: last && { id: last.id, at: new Date(last.sentMs) },
    next: next ? new Date(next.atMs) : null,
  }
}

/** What has been missed is not told of: what becomes of it is for its policy to say. */
function nextTick({ state, timetable }: LedgerEntry, nowMs: number): Tick | undefined {
  if (state.isPaused || !timetable.policy.isEnabled) return undefined
  const first = timetable.next(state.cursorMs)
  return first.atMs >= nowMs ? first : timetable.next(Math.max(state.cursorMs, nowMs))
}

function zoneOf({ state }: LedgerEntry): string {
  return state.definition.timezone ?? 'UTC'
}

function unfit(name: string, problem: string, fix: string): LovageError {
  return new LovageError('SCHEDULE_INVALID', { entry: name, field: 'entry', problem, fix })
}
