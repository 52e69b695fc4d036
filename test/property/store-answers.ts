import { expect } from 'vitest'
import type { Answer, Operation } from '../../src/broker/embedded/tables/operation.ts'

/** Numbers that both sides have given: the model's own, and those of the other, which leaves some out. */
type Pair = readonly [real: number, model: number]

/** Fields that hold a number which was given before. */
const NUMBERED = ['ifVersion', 'token', 'ifLast', 'after', 'through'] as const

/** What two sides that are asked the same have answered. */
export class StoreAnswers {
  readonly #pairs: Pair[] = []
  readonly #startMs: number
  readonly #shown: (name: string, value: unknown) => unknown

  /** Points of time in steps are from `startMs` on. `shown` is what of a member of an answer is to be equal. */
  constructor(startMs: number, shown: (name: string, value: unknown) => unknown = (_, value) => value) {
    this.#startMs = startMs
    this.#shown = shown
  }

  /** A step with the numbers that either side has given. */
  fill(step: Record<string, unknown>): [real: Operation, model: Operation] {
    return [0, 1].map((side) => this.#filled(step, side)) as [Operation, Operation]
  }

  compare(real: Answer, model: Answer): void {
    const [ofReal, ofModel]: number[][] = [[], []]
    const bare = (answer: Answer, numbers: number[] | undefined): unknown =>
      JSON.parse(
        JSON.stringify(answer, (name, one: unknown) => {
          if (!['version', 'token', 'position', 'last'].includes(name)) {
            return one === Infinity ? 'never' : this.#shown(name, one)
          }
          numbers?.push(one as number)
          return one === 0 ? 0 : 'given'
        }) ?? 'null',
      )
    const isNumber = typeof real === 'number' && typeof model === 'number'
    expect(isNumber ? real > 0 : bare(real, ofReal)).toEqual(isNumber ? (model as number) > 0 : bare(model, ofModel))
    if (isNumber) this.#pair(real, model as number)
    for (const [nth, number] of (ofReal ?? []).entries()) this.#pair(number, ofModel?.[nth] as number)
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
