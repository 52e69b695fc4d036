import { runInThisContext } from 'node:vm'
import { expect, test } from 'vitest'
import { boundsOf, placing, type TaskFunction } from '../../src/app/arguments.ts'

const any = (fn: unknown): TaskFunction => fn as TaskFunction

test.each([
  ['() => {}', 0, 0],
  ['(x) => x', 1, 1],
  ['x => x', 1, 1],
  ['async x => 1', 1, 1],
  ['async (x) => x', 1, 1],
  ['async function named(x) {}', 1, 1],
  ['function* (x, y) {}', 2, 2],
  ['(x, y,) => 1', 2, 2],
  ['(x, y = 2) => [x, y]', 1, 2],
  ['(x = [1, [2, 3]], y = { a: 1, b: (2 + 3) * 4 }) => x', 0, 2],
  ['({ a, b }, [c, d]) => a', 2, 2],
  ['(x, ...ys) => x', 1, Infinity],
  [`(x = '((,', y = "\\\\'),") => x`, 0, 2],
  [`(x = 'http://((', // a comment (\n y = 1) => [x, y, 'text']`, 0, 2],
  ['(x /* (a, b */, y) => x', 2, 2],
  ['(/* x, y */) => 1', 0, 0],
  ['(x = `),${1},`, y = 1) => x', 0, Infinity],
  ['(x = /[(,]/, y = 1) => x', 0, Infinity],
  ['function (x) { return arguments.length }', 1, Infinity],
  ['{ method(x, y = 1) {} }.method', 1, 2],
  [`{ ['a,b('](x) {} }['a,b(']`, 1, 1],
  ['Math.max', 2, Infinity],
  ['((x, y) => x).bind(undefined)', 2, Infinity],
])('%s takes %d to %d arguments', (source, least, most) => {
  expect(boundsOf(runInThisContext(`(${source})`) as TaskFunction)).toEqual({ least, most })
})

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
