import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeJson } from '../../src/protocol/json.ts'
import {
  type CeleryEvent,
  encodeEvent,
  encodeEvents,
  eventKey,
  eventText,
  readEvents,
} from '../../src/protocol/event.ts'
import { capturedFleet, wordAsMessage } from './captured.ts'

const parsed = (body: Uint8Array): unknown => JSON.parse(Buffer.from(body).toString())
const happened = (more: Partial<CeleryEvent> = {}): CeleryEvent => ({
  type: 'task-started',
  hostname: 'w@h',
  utcoffset: -1,
  pid: 7,
  clock: 3,
  timestamp: 1.5,
  fields: { uuid: 'i' },
  ...more,
})

describe.each(['5.2.6', '5.6.3'] as const)('every event of Celery %s', (version) => {
  const { events } = capturedFleet(version)

  test('is here, single and in batches', () => {
    const keys = events.map(({ routing_key }) => routing_key)
    expect(keys).toEqual(expect.arrayContaining(['task.multi', 'task.sent', 'worker.heartbeat', 'worker.online']))
  })

  test.each(events.map((word, at) => [`${word.routing_key} ${at}`, word] as const))(
    '%s is read and written again',
    (_, word) => {
      const message = wordAsMessage(word)
      const { events: read, refused } = readEvents(message)
      expect(refused).toBe(0)
      // A worker flushes its buffer also where nothing is in it.
      if (word.body === '[]') return expect(read).toEqual([])
      const [first] = read as [CeleryEvent, ...CeleryEvent[]]
      const isBatch = word.body.startsWith('[')
      const written = isBatch ? encodeEvents(first.hostname, read) : encodeEvent(first)
      expect({ ...written, body: parsed(written.body) }).toEqual({ ...message, body: JSON.parse(word.body) })
      const order = (value: unknown): string[] => Object.keys((isBatch ? (value as unknown[])[0] : value) as object)
      expect(order(parsed(written.body))).toEqual(order(JSON.parse(word.body)))
      if (!isBatch) expect(eventKey(first.type)).toBe(word.routing_key)
    },
  )
})

describe('an event', () => {
  test('goes under its type, with dots', () => {
    expect(eventKey('worker-elect-ack')).toBe('worker.elect.ack')
  })

  test('that has no type or no node is left out of its batch, and counted', () => {
    const batch = Buffer.from('[{"type": "a", "hostname": "h"}, {"hostname": "h"}, {"type": "b"}, 3, null]')
    const { events, refused } = readEvents({ contentType: 'application/json', body: batch })
    expect(events).toEqual([{ type: 'a', hostname: 'h', utcoffset: 0, pid: 0, clock: 0, timestamp: 0, fields: {} }])
    expect(refused).toBe(4)
  })

  test('cannot be overwritten by a field of its name', () => {
    const message = encodeEvent(happened({ fields: { type: 'other', uuid: 'i' } }))
    expect(readEvents(message).events[0]?.type).toBe('task-started')
  })

  test('is written as any JSON is, whatever is in it', () => {
    const anyFields = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue())
    fc.assert(
      fc.property(
        anyFields,
        fc.string({ unit: 'binary' }),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        (given, text, number) => {
          const own = ['hostname', 'utcoffset', 'pid', 'clock', 'timestamp', 'type']
          const fields = Object.fromEntries(
            Object.entries({ ...given, text, number }).filter(([name]) => !own.includes(name)),
          )
          const { hostname, utcoffset, pid, clock, timestamp, type } = happened({ hostname: text })
          const flat = { hostname, utcoffset, pid, clock, ...fields, timestamp, type }
          expect(eventText(happened({ hostname: text, fields }))).toBe(encodeJson(flat))
        },
      ),
      { numRuns: 200 },
    )
  })

  test('that cannot be written says which field', () => {
    expect(() => eventText(happened({ fields: { deep: [NaN] } }))).toThrow('$.event.deep[0]')
  })

  test('of another content type is refused', () => {
    const body = encodeEvent(happened()).body
    expect(() => readEvents({ contentType: 'application/x-python-serialize', body })).toThrow(
      expect.objectContaining({ code: 'CONTENT_REFUSED' }),
    )
  })

  test('comes in batches of a bounded size', () => {
    const body = Buffer.from(JSON.stringify(Array.from({ length: 10_001 }, () => 0)))
    expect(() => readEvents({ contentType: 'application/json', body })).toThrow(/more than 10000/)
  })
})
