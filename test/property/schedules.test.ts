import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { crontab, every, type Entry, type EntryOptions } from '../../src/beat/entry.ts'
import { decodeState, encodeState, type EntryState, newEntry } from '../../src/beat/entry-state.ts'
import { nextAction } from '../../src/beat/next-action.ts'
import { readEntry, type Timetable } from '../../src/beat/timetable.ts'
import * as transitions from '../../src/beat/transitions.ts'
import { type Signature, signature } from '../../src/protocol/signature.ts'

const START = Date.UTC(2026, 2, 28, 20)
const HOUR = 3_600_000

const schedules = fc.oneof(
  fc.constantFrom(400, 1_000, 7_000, 60_000, 3_600_000).map((ms) => every(ms, signature('t'))),
  fc
    .constantFrom('* * * * *', '*/5 * * * *', '0 * * * *', '30 2 * * *', '0,30 2,3 * * *', '15 4 29 3 *')
    .map((times) => crontab(times, signature('t'), { timezone: 'Europe/Berlin' })),
)
const options: fc.Arbitrary<EntryOptions> = fc.record({
  jitter: fc.constantFrom(0, 0, 50, 30_000),
  expires: fc.constantFrom(undefined, 'next' as const, 500, 100_000),
  overlap: fc.constantFrom('allow' as const, 'skip' as const, 'queue' as const),
  missed: fc.constantFrom('once' as const, 'skip' as const, 'all' as const),
})
const entries: fc.Arbitrary<Entry<Signature>> = fc
  .tuple(schedules, options)
  .map(([entry, given]) => ({ ...given, ...entry }))

type Event =
  | { readonly kind: 'passes'; readonly ms: number }
  | { readonly kind: 'jumps'; readonly ms: number }
  | { readonly kind: 'pause' | 'resume' | 'ask' | 'ends' | 'late' }

const passes = fc.record({
  kind: fc.constant('passes' as const),
  ms: fc.constantFrom(1, 90, 1_000, 20_000, HOUR, 5 * HOUR),
})
const jumps = fc.record({
  kind: fc.constant('jumps' as const),
  ms: fc.constantFrom(-5 * HOUR, -HOUR, -2_000, HOUR, 30 * HOUR),
})
const told = fc.record({
  kind: fc.constantFrom('pause' as const, 'resume' as const, 'ask' as const, 'ends' as const, 'late' as const),
})

/** One entry, its one scheduler, and a clock. */
class Play {
  nowMs = START
  state: EntryState
  isRunning = false
  readonly timetable: Timetable
  /** Of what was sent, in order. */
  readonly seeds: string[] = []
  readonly dues: number[] = []
  skipped = 0
  #asked = 0
  /** What a scheduler has in mind that was stopped before it could write it down. */
  #late: Parameters<typeof transitions.sent>[1] | undefined

  constructor(entry: Entry<Signature>) {
    this.timetable = readEntry('entry', entry, 'UTC')
    this.state = newEntry(entry, START, null)
  }

  do(event: Event): void {
    if (event.kind === 'passes' || event.kind === 'jumps') this.nowMs += event.ms
    else if (event.kind === 'pause') this.state = transitions.paused(this.state)
    else if (event.kind === 'resume') this.state = transitions.resumed(this.state, this.nowMs)
    else if (event.kind === 'ask') this.state = transitions.asked(this.state, `${this.#asked++}`)
    else if (event.kind === 'ends') this.isRunning = false
    else this.#writeLate()
    this.state = transitions.resynced(this.state, this.timetable, this.nowMs) ?? this.state
    this.state = decodeState(encodeState(this.state)) as EntryState
    this.run()
  }

  run(): void {
    for (let steps = 0; ; steps++) {
      // Missed ticks are bounded, those of a minute are not.
      if (steps > 3_000) throw new Error('it has no end')
      let action = nextAction(this.state, this.timetable, { nowMs: this.nowMs })
      if (action.kind === 'check') {
        action = nextAction(this.state, this.timetable, { nowMs: this.nowMs, isRunning: this.isRunning })
      }
      if (action.kind === 'check') throw new Error('it was told')
      if (action.kind === 'wait') {
        expect(action.atMs).toBeGreaterThan(this.nowMs)
        this.state = transitions.waiting(this.state, action)
        return
      }
      if (action.kind === 'skip') {
        expect(action.throughMs).toBeGreaterThan(this.state.cursorMs)
        this.skipped += action.count
        this.state = transitions.skipped(this.state, action)
        continue
      }
      if (transitions.isDecided(this.state, action)) throw new Error('it has been decided before')
      if (action.tick && this.timetable.policy.overlap !== 'allow' && this.isRunning) throw new Error('two run')
      this.seeds.push(action.seed)
      if (action.tick) this.dues.push(action.tick.dueMs)
      this.skipped += action.dropped
      this.isRunning = true
      this.#late ??= action
      this.state = transitions.sent(transitions.failed(this.state), action, { id: action.seed }, this.nowMs)
      if (!transitions.isDecided(this.state, action)) throw new Error('it is not decided')
    }
  }

  #writeLate(): void {
    if (!this.#late) return
    // Whoever wakes up writes down what has long been written down.
    expect(transitions.isDecided(this.state, this.#late)).toBe(true)
    expect(transitions.sent(this.state, this.#late, { id: 'late' }, this.nowMs)).toBe(this.state)
    this.#late = undefined
  }
}

describe('whatever happens to an entry', () => {
  test('each tick is sent once at most, each run that was asked for once, and there is always an end', () => {
    const events = fc.array(fc.oneof({ weight: 4, arbitrary: passes }, { weight: 1, arbitrary: jumps }, told), {
      maxLength: 12,
    })
    fc.assert(
      fc.property(entries, events, (entry, list) => {
        const play = new Play(entry)
        for (const event of list) play.do(event)
        expect(new Set(play.seeds).size).toBe(play.seeds.length)
        expect(play.seeds.filter((seed) => seed.startsWith('asked')).length).toBe(
          list.filter(({ kind }) => kind === 'ask').length,
        )
        expect([play.state.sent, play.state.skipped]).toEqual([play.seeds.length, play.skipped])
      }),
      { numRuns: 100 },
    )
  })

  test('each tick that has come was sent or left out, and those that were sent came in order', () => {
    fc.assert(
      fc.property(entries, fc.array(passes, { maxLength: 8 }), (entry, list) => {
        const play = new Play({ ...entry, jitter: 0, overlap: 'allow' })
        for (const event of list) play.do(event)
        let count = 0
        for (let tick = play.timetable.next(START); tick.atMs <= play.nowMs && count < 10_000; count++) {
          tick = play.timetable.next(tick.dueMs)
        }
        if (count < 10_000) expect(play.state.sent + play.state.skipped).toBe(count)
        expect(play.dues).toEqual([...new Set(play.dues)].sort((a, b) => a - b))
      }),
      { numRuns: 100 },
    )
  })
})
