import { expect, test } from 'vitest'
import { boundsOf, placing, type TaskFunction } from '../../src/app/arguments.ts'

const any = (fn: unknown): TaskFunction => fn as TaskFunction

/* oxlint-disable no-unused-vars, no-empty-function, func-style */
test.each<[string, unknown, number, number]>([
  ['no parameter', () => {}, 0, 0],
  ['one without brackets', (x: unknown) => x, 1, 1],
  ['two', (x: unknown, y: unknown) => [x, y], 2, 2],
  ['a default', (x: unknown, y = 2) => [x, y], 1, 2],
  ['a default with brackets and commas in it', (x = [1, [2, 3]], y = { a: 1, b: (2 + 3) * 4 }) => [x, y], 0, 2],
  ['a default with a text of brackets', (x = '((,', y = "\\'),") => [x, y], 0, 2],
  ['a default with a template', (x = `),${1},`, y = 1) => [x, y], 0, Infinity],
  ['a default with a regular expression', (x = /[(,]/, y = 1) => [x, y], 0, Infinity],
  ['the rest', (x: unknown, ...ys: unknown[]) => [x, ys], 1, Infinity],
  ['patterns', ({ a, b }: { a: 1; b: 2 }, [c, d]: unknown[]) => [a, b, c, d], 2, 2],
  [
    'an async function',
    async function named(x: unknown) {
      return x
    },
    1,
    1,
  ],
  [
    'a generator',
    function* (x: unknown, y: unknown) {
      yield [x, y]
    },
    2,
    2,
  ],
  ['a comment with brackets', (x: unknown /* (a, b */, y: unknown) => [x, y], 2, 2],
  [
    'a default with slashes, before others',
    (
      x = 'http://((', // a comment (
      y = 1,
    ) => [x, y, 'text'],
    0,
    2,
  ],
  ['a default in text only', (x = 'a', y = 'b') => [x, y, ')'], 0, 2],
  [
    'a computed method',
    {
      ['me' + '(']: (x: unknown) => x,
      ['a,b'](x: unknown) {
        return x
      },
    }['a,b'],
    1,
    1,
  ],
  ['a comment in place of a parameter', eval('(/* x, y */) => 1'), 0, 0],
  ['an async arrow', async (x: unknown) => x, 1, 1],
  [
    'arguments',
    function (x: unknown) {
      return [x, arguments.length]
    },
    1,
    Infinity,
  ],
  ['native code', Math.max, 2, Infinity],
  ['a bound function', ((x: unknown, y: unknown) => [x, y]).bind(undefined), 2, Infinity],
  [
    'a method',
    {
      method(x: unknown, y = 1) {
        return [x, y]
      },
    }.method,
    1,
    2,
  ],
  ['a trailing comma', eval('(x, y,) => 1'), 2, 2],
  ['an async arrow without brackets', eval('async x => 1'), 1, 1],
])('the count of parameters is read from the source: %s', (_, fn, least, most) => {
  expect(boundsOf(any(fn))).toEqual({ least, most })
})
/* oxlint-enable */

const two = placing('two', { fn: any((x: unknown, y: unknown) => [x, y]) })
const named = placing('named', { fn: any((x: unknown, y: unknown, z = 3) => [x, y, z]), params: ['x', 'y?', 'z'] })

test('arguments that fit pass as they are', () => {
  const args = [1, 2]
  expect(two(args, {})).toBe(args)
  expect(named([1], {})).toEqual([1])
})

test.each([
  [[1], { z: 9 }, [1, undefined, 9]],
  [[], { y: 2, x: 1 }, [1, 2]],
  [[1, 2], { z: 3 }, [1, 2, 3]],
  [[], { x: undefined }, [undefined]],
])('%o and %o are placed at %o', (args, kwargs, placed) => {
  expect(named(args, kwargs)).toEqual(placed)
})

test.each([
  [two, [1], {}, 'two does not take these arguments: it takes 2 arguments, and got 1'],
  [two, [1, 2, 3], {}, 'it takes 2 arguments, and got 3'],
  [two, [1], { y: 2 }, "it takes no named arguments, and got y; declare params: ['...'] to take them"],
  [named, [], {}, 'it takes 1 to 3 arguments (x, y, z), and x is missing'],
  [named, [], { y: 1 }, 'x is missing'],
  [named, [1, 2, 3, 4], {}, 'it takes 1 to 3 arguments (x, y, z), and got 4'],
  [named, [1], { x: 1 }, 'it got x twice, by position and by name'],
  [named, [1], { zz: 1 }, 'it has no parameter zz. Did you mean z?'],
  [named, [1], { width: 1 }, 'it has no parameter width. Use one of: x, y, z'],
  [named, [1], { ['__proto__']: 1 }, 'it has no parameter __proto__'],
])('arguments that do not fit are told: case %#', (place, args, kwargs, problem) => {
  expect(() => place(args, kwargs)).toThrow(expect.objectContaining({ code: 'ARGUMENTS_INVALID' }) as Error)
  expect(() => place(args, kwargs)).toThrow(problem)
})
