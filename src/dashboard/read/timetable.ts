import type { Clock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import type { Attention } from '../api.ts'
import type { ScheduleList } from '../api-fleet.ts'
import type { ScheduleFacts, ScheduleSource } from '../sources.ts'
import type { KnownTasks } from '../tasks/known-tasks.ts'

type Row = ScheduleList['schedules'][number]

/** Ticks that are shown of one entry, and asked for of all. */
const MOST_COMING = 300
const MOST_TICKS = 5_000

const DAY_MS = 86_400_000

/** Runs that are remembered of one entry. */
const MOST_PAST = 300

/** Entries that are shown. */
const MOST_ENTRIES = 2_000

const NO_SOURCE =
  'the application has no store that keeps schedules: see docs/guide-beat.md; schedules of celery beat are not told to anybody'

/** Schedules as the source has told of them last, and what has become of their runs. */
export class Timetable {
  readonly #source: ScheduleSource | undefined
  readonly #clock: Clock
  readonly #index: KnownTasks
  readonly #past = new Map<string, { readonly id: string; readonly atMs: number }[]>()
  #entries: readonly ScheduleFacts[] = []
  #coming = new Map<string, number[]>()
  #next: { schedule: string; atMs: number }[] = []
  #asOfMs = 0
  #staleBecause: string | undefined = 'they were not asked for yet'
  #asking: Promise<void> | undefined

  constructor(source: ScheduleSource | undefined, clock: Clock, index: KnownTasks) {
    this.#source = source
    this.#clock = clock
    this.#index = index
  }

  /** What comes next, of all entries. */
  get next(): readonly { readonly schedule: string; readonly atMs: number }[] {
    return this.#next
  }

  /** Ids of what entries have sent last. */
  get sent(): string[] {
    return this.#entries.flatMap(({ last }) => (last ? [last.id] : []))
  }

  /** Asks the source; whoever asks meanwhile waits for the same. Never rejects. */
  ask(): Promise<void> {
    if (!this.#source) return Promise.resolve()
    this.#asking ??= this.#ask(this.#source).finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  list(): ScheduleList {
    const stale = this.#source ? this.#staleBecause : undefined
    return {
      schedules: this.#entries.map((entry) => this.#row(entry)),
      asOfMs: this.#asOfMs,
      ...(stale !== undefined && { staleBecause: stale }),
      ...(!this.#source && { missing: NO_SOURCE }),
    }
  }

  attention(): Attention[] {
    return this.#entries
      .filter(({ failures }) => failures > 0)
      .map(({ name, failures }) => ({
        level: 'bad',
        text: `Schedule ${name} could not be sent ${failures === 1 ? 'the last time' : `${failures} times in a row`}`,
        link: `/schedules?name=${encodeURIComponent(name)}`,
        sinceMs: null,
      }))
  }

  async #ask(source: ScheduleSource): Promise<void> {
    try {
      const [entries, ticks] = await Promise.all([source.list(), source.next(MOST_TICKS, MOST_COMING)])
      const nowMs = this.#clock.now()
      this.#entries = entries.slice(0, MOST_ENTRIES)
      this.#coming = new Map()
      for (const { name, at } of ticks) {
        const atMs = at.getTime()
        if (atMs > nowMs + DAY_MS) continue
        const known = this.#coming.get(name)
        if (!known) this.#coming.set(name, [atMs])
        else if (known.length < MOST_COMING) known.push(atMs)
      }
      this.#next = ticks.slice(0, 20).map(({ name, at }) => ({ schedule: name, atMs: at.getTime() }))
      for (const { name, last } of this.#entries) if (last) this.#remember(name, last.id, last.at.getTime())
      const names = new Set(this.#entries.map(({ name }) => name))
      for (const name of this.#past.keys()) if (!names.has(name)) this.#past.delete(name)
      this.#asOfMs = nowMs
      this.#staleBecause = undefined
    } catch (error) {
      this.#staleBecause = messageOf(error)
    }
  }

  #remember(name: string, id: string, atMs: number): void {
    const past = this.#past.get(name) ?? []
    if (past.at(-1)?.id === id) return
    past.push({ id, atMs })
    this.#past.set(name, past.slice(-MOST_PAST))
  }

  #row({ last, next, ...entry }: ScheduleFacts): Row {
    const stateOf = (id: string): string | null => this.#index.get(id)?.state ?? null
    const sinceMs = this.#clock.now() - DAY_MS
    return {
      name: entry.name,
      schedule: entry.schedule,
      timezone: entry.timezone,
      task: entry.task,
      isPaused: entry.isPaused,
      isEnabled: entry.isEnabled,
      isInCode: entry.isInCode,
      runs: entry.runs,
      skipped: entry.skipped,
      failures: entry.failures,
      last: last ? { id: last.id, atMs: last.at.getTime(), state: stateOf(last.id) } : null,
      nextMs: next?.getTime() ?? null,
      coming: this.#coming.get(entry.name) ?? [],
      past: (this.#past.get(entry.name) ?? [])
        .filter(({ atMs }) => atMs >= sinceMs)
        .map(({ id, atMs }) => ({ id, atMs, state: stateOf(id) ?? 'UNKNOWN' })),
    }
  }
}
