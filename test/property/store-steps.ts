import fc from 'fast-check'
import type { Tables } from '../../src/broker/embedded/tables/tables.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { StoreAnswers } from './store-answers.ts'
import { StoreModel } from './store-model.ts'

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
export const FAMILIES = {
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
/** Of all families. */
export const step = fc.oneof(...Object.values(FAMILIES))
export const wait = fc.record({ wait: fc.constantFrom(1, 9, 10, 41, 50, 999) })
export const jump = fc.record({ jump: fc.constantFrom(-1000, -30, 30, 1000) })
export const restart = fc.record({ restart: fc.nat() })
export const rewrite = fc.record({ rewrite: fc.nat() })

/** Tables, and what they come back from. */
export interface Machine {
  readonly tables: Tables
  /** What the next machine finds when this one is killed. */
  restart(clock: VirtualClock): Machine | Promise<Machine>
  /** Writes something down again that is written down already. */
  rewrite(choice: number): void
}

/** The tables and the model, asked the same. */
export class Sides {
  clock = new VirtualClock()
  machine: Machine
  /** Told in the model's time, which goes on across restarts. */
  readonly #time = { now: () => this.clock.now(), monotonic: () => this.#passedMs + this.clock.monotonic() }
  readonly #model = new StoreModel(this.#time)
  readonly #answers = new StoreAnswers(this.clock.now())
  #passedMs = 0

  constructor(make: (clock: VirtualClock) => Machine) {
    this.machine = make(this.clock)
  }

  /** A machine that starts again: what was written down is all there is. */
  async restart(seed: number): Promise<void> {
    this.#passedMs += this.clock.monotonic()
    const originMs = seed % 1000
    const clock = new VirtualClock({ startMs: this.clock.now() - originMs, seed })
    clock.advance(originMs)
    this.#passedMs -= originMs
    this.machine = await this.machine.restart(clock)
    this.clock = clock
  }

  do(step: Record<string, unknown>): void {
    const [real, model] = this.#answers.fill(step)
    this.#answers.compare(this.machine.tables.apply(real), this.#model.apply(model))
  }
}

/** Plays all steps on both sides. */
export async function play(
  steps: readonly Record<string, unknown>[],
  make: (clock: VirtualClock) => Machine,
): Promise<Sides> {
  const sides = new Sides(make)
  for (const step of steps) {
    if (typeof step['wait'] === 'number') sides.clock.advance(step['wait'])
    else if (typeof step['jump'] === 'number') sides.clock.jump(step['jump'])
    else if (typeof step['restart'] === 'number') await sides.restart(step['restart'])
    else if (typeof step['rewrite'] === 'number') sides.machine.rewrite(step['rewrite'])
    else sides.do(step)
  }
  return sides
}

/** Many steps of one run: in short ones little meets. */
export function run(
  step: fc.Arbitrary<object>,
  ...others: fc.Arbitrary<object>[]
): fc.Arbitrary<Record<string, unknown>[]> {
  const any = fc.oneof({ weight: 3 * others.length, arbitrary: step }, ...others)
  return fc.array(any as fc.Arbitrary<Record<string, unknown>>, { maxLength: 60, size: 'max' })
}
