import { expect, test } from 'vitest'
import { KnownShape } from '../../src/base/known-shape.ts'

test('objects of the same names in the same order have their own values', () => {
  const shape = new KnownShape<number>()
  const names = ['id', 'task', 'retries']
  const made = [1, 2, 3].map((n) => shape.make(names, [n, n * 10, n * 100]))
  expect(made).toEqual([1, 2, 3].map((n) => ({ id: n, task: n * 10, retries: n * 100 })))
  expect(Object.keys(made[2] ?? {})).toEqual(names)
})

test('other names, fewer or more, and another order make what they say', () => {
  const shape = new KnownShape<number>()
  for (const names of [['a', 'b'], ['a', 'b'], ['b', 'a'], ['a'], ['a', 'b', 'c'], [], ['a', 'b', 'c'], ['a', 'b']]) {
    const made = shape.make(
      names,
      names.map((_, index) => index),
    )
    expect(Object.entries(made)).toEqual(names.map((name, index) => [name, index]))
  }
})

test('of a name that stands there twice the last value counts', () => {
  const shape = new KnownShape<number>()
  for (let i = 0; i < 3; i++) expect(shape.make(['a', 'b', 'a'], [i, 5, i + 1])).toEqual({ a: i + 1, b: 5 })
})

test('a member called __proto__ is a member, however often it comes', () => {
  const shape = new KnownShape<unknown>()
  for (let i = 0; i < 3; i++) {
    const made = shape.make(['a', '__proto__'], [i, { polluted: true }])
    expect(Object.getPrototypeOf(made)).toBe(Object.prototype)
    expect(Object.getOwnPropertyDescriptor(made, '__proto__')?.value).toEqual({ polluted: true })
  }
})

test('what is changed in one object is not changed in the next', () => {
  const shape = new KnownShape<number>()
  const make = (): Record<string, number> => shape.make(['a'], [1])
  make()
  make()['a'] = 2
  expect(make()).toEqual({ a: 1 })
})
