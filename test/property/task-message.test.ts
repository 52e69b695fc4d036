import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { WireValue, type HeaderValue, type Headers } from '../../src/protocol/headers.ts'
import { formatIso, parseIso } from '../../src/protocol/iso-time.ts'
import { decodeResult, encodeRpcResult, encodeStoredRecord } from '../../src/protocol/result-record.ts'
import type { Embed, Signature } from '../../src/protocol/signature.ts'
import { encodeBody, encodeTask, newRequest, readBody, readTask } from '../../src/protocol/task-message.ts'
import { anyText, anyValue } from './values.ts'

const name = anyText.filter((text) => text !== '')
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value)
const aTime = fc
  .date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true })
  .map((date) => date.getTime())
const seconds = maybe(fc.double({ min: 0, max: 1e9, noNaN: true }))
const named = fc.dictionary(anyText, anyValue, { maxKeys: 4, noNullPrototype: true })
// Two names of kombu's mean something else.
const kwargs = named.filter((given) => !('__type__' in given))

const headerValue: fc.Arbitrary<HeaderValue> = fc.oneof(
  fc.constantFrom<HeaderValue>(null, true, 1, 1.5, 2n ** 60n, new WireValue('d', 1), new WireValue('T', 5n)),
  anyText,
  fc.constant([1, { a: new WireValue('L', 7n) }]),
)

const request = fc
  .record({
    id: name,
    task: name,
    shadow: maybe(anyText),
    eta: maybe(aTime.map(formatIso)),
    expires: maybe(aTime.map(formatIso)),
    group: maybe(anyText),
    groupIndex: maybe(fc.nat()),
    retries: fc.nat(),
    timelimit: fc.tuple(seconds, seconds),
    parentId: maybe(anyText),
    argsrepr: anyText,
    origin: anyText,
    ignoreResult: fc.boolean(),
    replacedTaskNesting: fc.nat(),
    stampedHeaders: maybe(fc.array(anyText)),
    custom: fc.dictionary(
      name.map((text) => `x-${text}`),
      headerValue,
      { noNullPrototype: true },
    ) as fc.Arbitrary<Headers>,
    replyTo: anyText,
    priority: fc.option(fc.nat(255), { nil: undefined }),
  })
  .map((fields) => newRequest(fields))

const signature: fc.Arbitrary<Signature> = fc.record({
  task: name,
  args: fc.array(anyValue, { maxLength: 3 }),
  kwargs,
  options: fc.constantFrom({}, { task_id: 'a', queue: 'q' }),
  subtask_type: fc.constantFrom(null, 'chain', 'group'),
  immutable: fc.boolean(),
})

const embed: fc.Arbitrary<Embed> = fc.record({
  callbacks: maybe(fc.array(signature, { maxLength: 2 })),
  errbacks: maybe(fc.array(signature, { maxLength: 2 })),
  chain: maybe(fc.array(signature, { maxLength: 2 })),
  chord: maybe(signature),
})

test('a request that is written is read again as it was', () => {
  fc.assert(
    fc.property(request, (given) => {
      expect(readTask(encodeTask(given))).toEqual(given)
    }),
  )
})

test('a body that is written is read again as it was', () => {
  fc.assert(
    fc.property(fc.array(anyValue, { maxLength: 4 }), kwargs, embed, (args, given, follows) => {
      const body = encodeBody(args, given, follows)
      expect(readBody(newRequest({ id: 'i', task: 't', body }))).toEqual({ args, kwargs: given, embed: follows })
    }),
  )
})

test('a result that is written is read again as it was', () => {
  fc.assert(
    fc.property(name, name, anyValue, maybe(anyText), aTime, (id, state, value, traceback, doneAtMs) => {
      const outcome = { id, state, result: { value: value ?? null }, traceback, children: [] }
      expect(decodeResult(encodeRpcResult(outcome))).toEqual(outcome)
      const done = { ...outcome, state: 'SUCCESS', doneAtMs, groupId: 'g' }
      expect(decodeResult(encodeStoredRecord(done))).toEqual(done)
    }),
  )
})

test('a time that is written is read again as it was, microseconds included', () => {
  fc.assert(
    fc.property(aTime, fc.integer({ min: 0, max: 999 }), (ms, micros) => {
      const text = formatIso(ms + micros / 1000)
      expect(formatIso(parseIso(text))).toBe(text)
      expect(Math.round((parseIso(text) - ms) * 1000)).toBe(micros)
    }),
  )
})
