import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Answer, Operation } from '../../src/broker/embedded/tables/operation.ts'
import { Tables } from '../../src/broker/embedded/tables/tables.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { PaperLedger } from './paper-ledger.ts'
import { StoreModel } from './store-model.ts'

/** Numbers that both sides have given: the model's own, and those of the tables, which leave some out. */
type Pair = readonly [real: number, model: number]

const key = fc.constantFrom('k:a', 'k:b')
const ttlMs = fc.constantFrom(1, 10, 50, 1000)
const value = fc.oneof(fc.string({ maxLength: 3 }), fc.uint8Array({ maxLength: 3 }))
const id = fc.constantFrom('x', 'y', 'z', '\u{1f600}', '\uffee')
const limit = fc.integer({ min: 1, max: 4 })
/** Which of the numbers given so far: a newer one is likelier. Undefined where none is wanted, -1 for 0. */
const given = fc.option(fc.constantFrom(-1, 0, 0, 0, 1, 2, 5), { nil: undefined })
const known = fc.constantFrom(-1, 0, 0, 1, 2, 3, 5)
const atMs = fc.constantFrom(0, 5, 40, 900, Infinity)

const forget = fc.record({ op: fc.constant('forget'), key, ifVersion: given })

/** By family: what concerns one does not dilute what concerns another. */
const FAMILIES = {
  values: fc.oneof(
    fc.record({ op: fc.constant('get'), key }),
    fc.record({ op: fc.constant('set'), key, value, ttlMs, ifVersion: given }),
    forget,
  ),
  counters: fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        op: fc.constant('count'),
        key,
        by: fc.integer({ min: -2, max: 3 }),
        ttlMs,
        renew: fc.boolean(),
        max: fc.option(fc.constantFrom(2, 5), { nil: undefined, freq: 2 }),
        member: fc.option(id, { nil: undefined }),
      }),
    },
    forget,
  ),
  leases: fc.oneof(
    fc.record({ op: fc.constant('lease'), key, holder: id, ttlMs, slots: fc.constantFrom(1, 1, 2) }),
    fc.record({ op: fc.constant('renew'), key, holder: id, token: known, ttlMs }),
    fc.record({ op: fc.constant('release'), key, holder: id, token: known }),
  ),
  logs: fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ op: fc.constant('append'), key, value, ttlMs, maxEntries: limit, ifLast: given }),
    },
    { weight: 6, arbitrary: fc.record({ op: fc.constant('read'), key, after: known, limit }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('trim'), key, through: known }) },
    forget,
  ),
  dues: fc.oneof(
    fc.record({ op: fc.constant('put'), key, id, value: fc.option(value, { nil: undefined }), atMs, ifVersion: given }),
    fc.record({ op: fc.constant('put'), key, id, value: fc.option(value, { nil: undefined }), atMs }),
    fc.record({ op: fc.constant('remove'), key, id, ifVersion: given }),
    fc.record({ op: fc.constant('take'), key, claimMs: ttlMs, limit }),
    fc.record({ op: fc.constant('list'), key, limit, after: fc.option(fc.record({ atMs, id }), { nil: undefined }) }),
  ),
}
const step = fc.oneof(...Object.values(FAMILIES))
const wait = fc.record({ wait: fc.constantFrom(1, 9, 10, 41, 50, 999) })
const jump = fc.record({ jump: fc.constantFrom(-1000, -30, 30, 1000) })
const restart = fc.record({ restart: fc.nat() })
const rewrite = fc.record({ rewrite: fc.nat() })

/** Fields that hold a number which was given before. */
const NUMBERED = ['ifVersion', 'token', 'ifLast', 'after', 'through'] as const

class Sides {
  clock = new VirtualClock()
  ledger = new PaperLedger(this.clock)
  tables = new Tables({ clock: this.clock, ledger: this.ledger })
  /** Told in the model's time, which goes on across restarts. */
  readonly #time = { now: () => this.clock.now(), monotonic: () => this.#passedMs + this.clock.monotonic() }
  readonly #model = new StoreModel(this.#time)
  readonly #pairs: Pair[] = []
  readonly #startMs = this.clock.now()
  #passedMs = 0

  /** A machine that starts again: what the ledger has is all there is. */
  restart(seed: number): void {
    this.#passedMs += this.clock.monotonic()
    this.clock = new VirtualClock({ startMs: this.clock.now() })
    this.clock.advance(seed % 1000)
    this.clock.jump(-(seed % 1000))
    this.#passedMs -= seed % 1000
    const items = this.ledger.read(this.clock)
    this.ledger = new PaperLedger(this.clock, items)
    this.tables = new Tables({ clock: this.clock, ledger: this.ledger })
    this.tables.restore(items)
  }

  do(step: Record<string, unknown>): void {
    const [real, model] = [0, 1].map((side) => this.#filled(step, side)) as [Operation, Operation]
    this.#compare(this.tables.apply(real), this.#model.apply(model))
  }

  #filled(step: Record<string, unknown>, side: number): Record<string, unknown> {
    const filled = { ...step }
    for (const name of NUMBERED) {
      const choice = filled[name]
      if (typeof choice === 'number') filled[name] = choice < 0 ? 0 : (this.#pairs.at(-1 - choice)?.[side] ?? 0)
    }
    if (typeof filled['atMs'] === 'number') filled['atMs'] += this.#startMs
    const after = filled['after'] as { atMs: number } | number | undefined
    if (typeof after === 'object') filled['after'] = { ...after, atMs: after.atMs + this.#startMs }
    return filled
  }

  #compare(real: Answer, model: Answer): void {
    const [ofReal, ofModel]: number[][] = [[], []]
    const bare = (answer: Answer, numbers: number[] | undefined): unknown =>
      JSON.parse(
        JSON.stringify(answer, (name, one: unknown) => {
          if (!['version', 'token', 'position', 'last'].includes(name)) return one === Infinity ? 'never' : one
          numbers?.push(one as number)
          return one === 0 ? 0 : 'given'
        }) ?? 'null',
      )
    const isNumber = typeof real === 'number' && typeof model === 'number'
    expect(isNumber ? real > 0 : bare(real, ofReal)).toEqual(isNumber ? (model as number) > 0 : bare(model, ofModel))
    if (isNumber) this.#pair(real, model as number)
    for (const [nth, number] of (ofReal ?? []).entries()) this.#pair(number, ofModel?.[nth] as number)
  }

  /** The two give their numbers in the same order, none twice. */
  #pair(real: number, model: number): void {
    if (model === 0) return
    const there = this.#pairs.find(([, known]) => known === model)
    if (there) return expect(real).toBe(there[0])
    // The model may have given several in one answer: they come in the order of the answer.
    for (const [earlier, known] of this.#pairs) expect(Math.sign(real - earlier)).toBe(Math.sign(model - known))
    this.#pairs.push([real, model])
  }
}

function play(steps: readonly Record<string, unknown>[]): Sides {
  const sides = new Sides()
  for (const step of steps) {
    if (typeof step['wait'] === 'number') sides.clock.advance(step['wait'])
    else if (typeof step['jump'] === 'number') sides.clock.jump(step['jump'])
    else if (typeof step['restart'] === 'number') sides.restart(step['restart'])
    else if (typeof step['rewrite'] === 'number') sides.ledger.rewrite(step['rewrite'])
    else sides.do(step)
  }
  return sides
}

const numRuns = Number(process.env['STORE_RUNS'] ?? 300)

/** Many steps of one run: in short ones little meets. */
function run(step: fc.Arbitrary<object>, ...others: fc.Arbitrary<object>[]): fc.Arbitrary<Record<string, unknown>[]> {
  const any = fc.oneof({ weight: 3 * others.length, arbitrary: step }, ...others)
  return fc.array(any as fc.Arbitrary<Record<string, unknown>>, { maxLength: 60, size: 'max' })
}

describe.each(Object.entries({ ...FAMILIES, all: step }))(
  'the tables do what a plain model does: %s',
  (_name, step) => {
    test('whatever is asked, while time passes and the calendar jumps', () => {
      fc.assert(
        fc.property(run(step, wait, jump), (all) => void play(all)),
        { numRuns },
      )
    })

    test('also when they are made again from what their ledger was told', () => {
      fc.assert(
        fc.property(run(step, wait, restart, rewrite), (all) => void play(all)),
        { numRuns },
      )
    })
  },
)

test('when the time of everything has passed, nothing is left in memory', () => {
  const { dues: _, ...mortal } = FAMILIES
  fc.assert(
    fc.property(run(fc.oneof(...Object.values(mortal)), wait), (all) => {
      const { tables, clock } = play(all)
      clock.advance(1001)
      expect([tables.bytes, tables.isUnused, clock.waiting]).toEqual([0, true, 0])
    }),
    { numRuns },
  )
})
