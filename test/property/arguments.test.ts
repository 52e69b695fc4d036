import fc from 'fast-check'
import { expect, test } from 'vitest'
import { placing, type TaskFunction } from '../../src/app/arguments.ts'

const names = fc.uniqueArray(fc.stringMatching(/^[a-z_]{1,8}$/), { maxLength: 8 })

/** A function of so many parameters, none of which may be left out. */
function taking(count: number): TaskFunction {
  const fn = (...args: unknown[]): unknown => args
  return Object.defineProperty(fn, 'length', { value: count }) as TaskFunction
}

test('however arguments are split into positions and names, they reach the same places', () => {
  fc.assert(
    fc.property(names, fc.nat(), fc.infiniteStream(fc.jsonValue()), (params, split, values) => {
      const all = params.map(() => values.next().value)
      const byPosition = split % (params.length + 1)
      const kwargs = Object.fromEntries(
        params
          .map((name, index) => [name, all[index]])
          .slice(byPosition)
          .reverse(),
      )
      const place = placing('t', { fn: taking(params.length), params })
      expect(place(all.slice(0, byPosition), kwargs)).toEqual(all)
    }),
  )
})

test('a name too many, too few or twice is always told, and never placed', () => {
  fc.assert(
    fc.property(names, fc.stringMatching(/^[A-Z]{1,8}$/), fc.nat(), (params, stranger, pick) => {
      const place = placing('t', { fn: taking(params.length), params })
      const args = params.map((_, index) => index)
      const refused = expect.objectContaining({ code: 'ARGUMENTS_INVALID' }) as Error
      expect(() => place(args, { [stranger]: 1 })).toThrow(refused)
      expect(() => place([...args, 1], {})).toThrow(refused)
      if (params.length === 0) return
      const one = params[pick % params.length] as string
      expect(() => place(args, { [one]: 1 })).toThrow(refused)
      const rest = Object.fromEntries(params.filter((name) => name !== one).map((name) => [name, 1]))
      expect(() => place([], rest)).toThrow(refused)
    }),
  )
})
