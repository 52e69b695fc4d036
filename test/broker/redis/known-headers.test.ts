import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isLovageError } from '../../../src/base/errors.ts'
import { KnownHeaders, writeFully } from '../../../src/broker/redis/known-headers.ts'
import { type Headers, type HeaderValue, WireValue } from '../../../src/protocol/headers.ts'

const scalar = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.string({ unit: 'binary' }),
  fc.integer(),
  fc.constantFrom(0.5, 2 ** 53, -(2 ** 60)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
)
const value: fc.Arbitrary<HeaderValue> = fc.oneof(
  { weight: 6, arbitrary: scalar },
  fc.array(scalar, { maxLength: 6 }),
  fc.constantFrom(new WireValue('s', 7), new WireValue('d', 1)),
  fc.uint8Array({ maxLength: 4 }),
  fc.constant({ a: 1, b: [1, null] }),
)
const name = fc.oneof(
  fc.constantFrom('id', 'lang', 'timelimit', 'x"', 'ü', '__proto__', '7'),
  fc.string({ maxLength: 5 }),
)
const members = fc.array(fc.tuple(name, value), { maxLength: 8 })

/** Own members, whatever they are called. */
const headersOf = (
  task: HeaderValue | undefined,
  list: readonly (readonly [string, HeaderValue | undefined])[],
): Headers => Object.fromEntries([...(task === undefined ? [] : [['task', task] as const]), ...list]) as Headers

describe('headers of a task that are known', () => {
  it('are written as if they were not, whatever was written before', () => {
    const table = fc.tuple(fc.constantFrom('a', 'b', undefined), members)
    // Of each some once more, with one member that is another.
    const next = fc.tuple(fc.nat(), value)
    fc.assert(
      fc.property(fc.array(fc.tuple(table, fc.array(next, { maxLength: 4 })), { maxLength: 6 }), (tables) => {
        const known = new KnownHeaders()
        for (const [[task, list], changes] of tables) {
          const written = [
            list,
            ...changes.map(([at, other]) =>
              list.map((one, i) => [one[0], i === at % list.length ? other : one[1]] as const),
            ),
          ]
          for (const some of [...written, ...written]) {
            const headers = headersOf(task, some)
            expect(known.write(headers)).toEqual(writeFully(headers))
          }
        }
      }),
    )
  })

  it('are written anew when a list in them was changed', () => {
    const known = new KnownHeaders()
    const timelimit: (number | null)[] = [null, null]
    const headers = { task: 'a', id: 'x', timelimit }
    expect(known.write(headers).text).toBe('{"task": "a", "id": "x", "timelimit": [null, null]}')
    timelimit[0] = 5
    expect(known.write(headers).text).toBe('{"task": "a", "id": "x", "timelimit": [5, null]}')
  })

  it('are learnt again when they have become others', () => {
    const known = new KnownHeaders()
    known.write({ task: 'a', id: 'x', one: 1 })
    for (let i = 0; i < 20; i++) {
      expect(known.write({ task: 'a', id: `${i}`, two: 2 }).text).toBe(`{"task": "a", "id": "${i}", "two": 2}`)
    }
  })

  it('leave out what is undefined, as JSON does', () => {
    const known = new KnownHeaders()
    for (const id of ['x', 'y']) {
      const headers = { task: 'a', id, gone: undefined, lang: 'js' } as unknown as Headers
      expect(known.write(headers).text).toBe(`{"task": "a", "id": "${id}", "lang": "js"}`)
    }
  })

  it('name the member that has no form', () => {
    const known = new KnownHeaders()
    known.write({ task: 'a', id: 'x', list: [1, [2]] })
    const paths: unknown[] = []
    try {
      known.write({ task: 'a', id: 'x', list: [1, [Number.NaN]] })
    } catch (error) {
      if (isLovageError(error, 'ENCODE_FAILED')) paths.push(error.details.path)
    }
    expect(paths).toEqual(['$.headers.list[1][0]'])
  })
})
