import { describe, expect, test } from 'vitest'
import { pack } from '../../src/protocol/compression.ts'
import { readFailure } from '../../src/protocol/failure.ts'
import { isReady, payloadText, payloadValue, type Outcome } from '../../src/protocol/outcome.ts'
import { decodeResult, encodeRpcResult, encodeStoredRecord } from '../../src/protocol/result-record.ts'
import { capturedResults } from './captured.ts'

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
const outcome = (more: Partial<Outcome> = {}): Outcome => ({
  id: 'i',
  state: 'SUCCESS',
  result: { value: 5 },
  traceback: null,
  ...more,
})

describe.each(['5.2.6', '5.6.3'] as const)('every rpc result of a Celery %s worker', (version) => {
  const results = capturedResults(version)

  test('is here', () => {
    expect(results.length).toBeGreaterThan(55)
  })

  test.each(results.map((one, at) => [`${one.step} ${at}`, one.body_text] as const))('%s is read', (_, body) => {
    const { task_id: id, status: state, result, traceback, children } = JSON.parse(body) as Record<string, unknown>
    const read = decodeResult(Buffer.from(body))
    expect(read).toEqual({ id, state, result: { value: result }, traceback, children })
    if (state === 'FAILURE') expect(readFailure(payloadValue(read.result))).toEqual(result)
  })

  test.each(results.map((one, at) => [`${one.step} ${at}`, one.body_text] as const))(
    '%s is written again byte for byte',
    (_, body) => {
      expect(text(encodeRpcResult(decodeResult(Buffer.from(body))))).toBe(body)
    },
  )
})

describe('an rpc result', () => {
  test('has exactly five members, whatever else is known', () => {
    const more = outcome({ doneAtMs: 0, groupId: 'g', parentId: 'p', retry: { delayMs: 1 }, requeue: true })
    expect(text(encodeRpcResult(more))).toBe(
      '{"task_id": "i", "status": "SUCCESS", "result": 5, "traceback": null, "children": []}',
    )
  })

  test('takes a payload that is text as it is', () => {
    expect(text(encodeRpcResult(outcome({ result: { text: '[1.0, NaN]' } })))).toContain('"result": [1.0, NaN],')
  })

  test('names the place of what cannot be written', () => {
    expect(() => encodeRpcResult(outcome({ result: { value: { a: [NaN] } } }))).toThrow(
      'The value at $.result.a[0] cannot be encoded: it is NaN',
    )
  })

  test('writes dates as asked', () => {
    const result = { value: new Date(0) }
    expect(text(encodeRpcResult(outcome({ result })))).toContain('"__type__": "datetime"')
    expect(text(encodeRpcResult(outcome({ result }), { types: 'plain' }))).toContain('"result": "1970-01-01T00:00:00Z"')
  })
})

describe('a stored record', () => {
  test('has its members in the order of Celery', () => {
    const all = outcome({ doneAtMs: 1500, groupId: 'g', parentId: 'p', children: [[['c', null], null]] })
    expect(text(encodeStoredRecord(all))).toBe(
      '{"status": "SUCCESS", "result": 5, "traceback": null, "children": [[["c", null], null]], ' +
        '"date_done": "1970-01-01T00:00:01.500000+00:00", "group_id": "g", "parent_id": "p", "task_id": "i"}',
    )
    expect(decodeResult(encodeStoredRecord(all))).toEqual(all)
  })

  test('has no date before a final state', () => {
    const started = outcome({ state: 'STARTED', doneAtMs: 1500 })
    expect(text(encodeStoredRecord(started))).toContain('"date_done": null')
  })

  test('of Celery 5.2 has a naive date in UTC', () => {
    const record =
      '{"status": "SUCCESS", "result": 1, "traceback": null, "children": [], "date_done": "2026-11-21T02:05:23.220647", "task_id": "i"}'
    expect(decodeResult(Buffer.from(record)).doneAtMs).toBe(Date.UTC(2026, 10, 21, 2, 5, 23) + 220.647)
  })
})

describe('what is no result is refused', () => {
  test.each([
    ...['', '[]', 'null', '{}', '{"task_id": "i"}', '{"status": "SUCCESS"}', '{"task_id": 1, "status": "SUCCESS"}'],
    ...['{"task_id": "", "status": "SUCCESS"}', '{"task_id": "i", "status": ""}', '{"task_id": "i", "status": 1}'],
  ])('%j', (body) => {
    expect(() => decodeResult(Buffer.from(body))).toThrow(expect.objectContaining({ code: 'BODY_UNDECODABLE' }))
  })

  test('and so is what is not JSON', () => {
    expect(() => decodeResult(Buffer.from('x'), { contentType: 'application/x-msgpack' })).toThrow(
      'Content type application/x-msgpack is not accepted',
    )
  })

  test('strange members beside the needed ones are none', () => {
    const body = '{"task_id": "i", "status": "X", "traceback": 1, "children": 2, "date_done": "soon", "group_id": 3}'
    expect(decodeResult(Buffer.from(body))).toEqual({ id: 'i', state: 'X', result: { value: null }, traceback: null })
  })
})

test('only three states are final', () => {
  const states = ['PENDING', 'RECEIVED', 'STARTED', 'RETRY', 'REJECTED', 'IGNORED', 'PROGRESS']
  expect(states.filter(isReady)).toEqual([])
  expect(['SUCCESS', 'FAILURE', 'REVOKED'].filter(isReady)).toHaveLength(3)
})

test('a payload is read once it is wanted', () => {
  expect(payloadValue({ text: '[NaN]' })).toEqual([NaN])
  expect(payloadText({ value: [1, 2] })).toBe('[1, 2]')
  expect(() => payloadValue({ text: '[' })).toThrow(expect.objectContaining({ code: 'BODY_UNDECODABLE' }))
})

test('a result that unpacks to more than may be is refused', () => {
  const { body, compression } = pack(
    Buffer.from(`{"task_id": "i", "status": "SUCCESS", "result": "${'x'.repeat(5_000)}"}`),
  )
  expect(decodeResult(body, { compression })).toMatchObject({ id: 'i', state: 'SUCCESS' })
  expect(() => decodeResult(body, { compression }, { maxBodyBytes: 4_000 })).toThrow(/unpacks to more than 4000 bytes/)
})
