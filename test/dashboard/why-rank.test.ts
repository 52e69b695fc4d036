import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CAUSES, CODES } from '../../src/dashboard/why/codes.ts'
import type { Facts } from '../../src/dashboard/why/facts.ts'
import { rank } from '../../src/dashboard/why/rank.ts'

const NOW = Date.UTC(2026, 10, 21, 12)

const NOTHING: Facts = {
  id: 'an-id-of-a-task',
  nowMs: NOW,
  task: undefined,
  broker: { url: 'amqp://localhost' },
  heard: undefined,
  result: undefined,
  workers: [],
  silent: [],
  hand: undefined,
  queues: [],
  message: undefined,
  dead: undefined,
  parent: undefined,
  revokedBy: [],
  ticket: undefined,
  schedules: [],
  unknown: [],
}

const maybe = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(one, { nil: undefined })
const name = fc.constantFrom('a', 'b', 'c', 'shop.add', '')
const time = maybe(fc.integer({ min: NOW - 1e7, max: NOW + 1e7 }))
const state = fc.constantFrom('PENDING', 'RECEIVED', 'STARTED', 'SUCCESS', 'FAILURE', 'RETRY', 'REVOKED', 'PROGRESS')
const count = fc.integer({ min: 0, max: 5 })

const worker = fc.record({
  name,
  isOurs: fc.boolean(),
  slots: maybe(count),
  running: maybe(count),
  queues: fc.array(name, { maxLength: 3 }),
  paused: fc.array(name, { maxLength: 2 }),
  tasks: maybe(fc.array(name).map((names) => new Set(names))),
  rates: fc.array(fc.tuple(name, fc.constant('1/h')), { maxLength: 2 }).map((rates) => new Map(rates)),
})

const facts: fc.Arbitrary<Facts> = fc.record({
  id: name,
  nowMs: fc.constant(NOW),
  task: maybe(name),
  broker: fc.record(
    {
      url: name,
      problem: fc.record({ code: fc.constantFrom('BROKER_REFUSED', 'BROKER_UNREACHABLE'), text: name, fix: name }),
    },
    { requiredKeys: ['url'] },
  ),
  heard: maybe(
    fc.record({
      state,
      name: maybe(name),
      queue: maybe(name),
      worker: maybe(name),
      error: maybe(name),
      etaMs: time,
      expiresMs: time,
      startedMs: time,
      atMs: time,
    }),
  ),
  result: maybe(
    fc.record({ state, atMs: time, error: maybe(fc.constantFrom('expired', 'terminated', 'Oh')), worker: maybe(name) }),
  ),
  workers: fc.array(worker, { maxLength: 3 }),
  silent: fc.array(fc.record({ name, isConnected: maybe(fc.boolean()), holds: fc.boolean() }), { maxLength: 2 }),
  hand: maybe(
    fc.record({
      worker: name,
      place: fc.constantFrom('active', 'reserved', 'scheduled'),
      task: name,
      sinceMs: time,
      etaMs: time,
      retries: maybe(count),
      ahead: fc.array(fc.record({ id: name, task: name, sinceMs: time }), { maxLength: 3 }),
    }),
  ),
  queues: fc.array(
    fc.record({
      name,
      isThere: fc.boolean(),
      ready: count,
      consumers: count,
      looked: count,
      isFull: fc.boolean(),
      isIts: fc.boolean(),
    }),
    { maxLength: 3 },
  ),
  message: maybe(
    fc.record({ queue: name, ahead: maybe(count), task: maybe(name), etaMs: time, expiresMs: time, retries: count }),
  ),
  dead: maybe(
    fc.record({
      queue: name,
      key: name,
      task: maybe(name),
      code: fc.constantFrom('TASK_UNKNOWN', 'X'),
      text: name,
      atMs: time,
    }),
  ),
  parent: maybe(
    fc.record({
      id: name,
      task: maybe(name),
      where: fc.constantFrom('queue', 'delayed', 'active', 'reserved', 'scheduled'),
      at: name,
    }),
  ),
  revokedBy: fc.array(name, { maxLength: 2 }),
  ticket: maybe(fc.record({ task: name, atMs: fc.constant(NOW - 5) })),
  schedules: fc.array(fc.record({ name, task: name, isPaused: fc.boolean(), isEnabled: fc.boolean(), nextMs: time }), {
    maxLength: 2,
  }),
  unknown: fc.array(fc.record({ what: name, because: name }), { maxLength: 2 }),
})

const first = (change: Partial<Facts>): string | undefined => rank({ ...NOTHING, ...change }).reasons[0]?.code

describe('what follows from what is known of a task', () => {
  test('is at least one reason of the table, each once, certain ones first, and the same each time', () => {
    fc.assert(
      fc.property(facts, (known) => {
        const why = rank(known)
        const codes = why.reasons.map(({ code }) => code)
        expect(codes.length).toBeGreaterThan(0)
        expect(codes.filter((code) => !Object.hasOwn(CAUSES, code))).toEqual([])
        expect(new Set(codes).size).toBe(codes.length)
        const sure = why.reasons.map(({ certainty }) => certainty)
        expect(sure).toEqual(sure.toSorted())
        expect(codes.includes('UNKNOWN_ID') ? codes : ['UNKNOWN_ID']).toEqual(['UNKNOWN_ID'])
        expect(why.unknown).toEqual(known.unknown)
        for (const { text } of why.reasons) expect(text).not.toMatch(/undefined|NaN|null|\[object/)
        expect(rank(known)).toEqual(why)
      }),
      { numRuns: 2_000 },
    )
  })

  test('is what became of it, once it has ended, whatever else is known', () => {
    const endings = { SUCCESS: ['SUCCEEDED'], FAILURE: ['FAILED'], REVOKED: ['REVOKED', 'EXPIRED'] } as const
    fc.assert(
      fc.property(facts, fc.constantFrom('SUCCESS', 'FAILURE', 'REVOKED'), (known, how) => {
        const { reasons, state: said } = rank({ ...known, dead: undefined, result: { state: how } })
        expect(said).toBe(how)
        expect(endings[how]).toContain(reasons[0]?.code)
      }),
      { numRuns: 500 },
    )
  })

  test('is that it runs, where a worker says so and it has not ended', () => {
    fc.assert(
      fc.property(facts, (known) => {
        const hand = { worker: 'w', place: 'active', task: 't', ahead: [] } as const
        const over = { result: undefined, heard: undefined, dead: undefined }
        expect(rank({ ...known, ...over, hand }).reasons[0]).toMatchObject({ code: 'RUNNING', certainty: 'certain' })
      }),
      { numRuns: 500 },
    )
  })

  test('tells a worker that is connected and silent from one that is gone', () => {
    const result = { state: 'STARTED', worker: 'w@host' }
    const silent = (isConnected: boolean | undefined) => [{ name: 'w@host', isConnected, holds: true }]
    expect(first({ result, silent: silent(true) })).toBe('WORKER_STALLED')
    expect(first({ result, silent: silent(false) })).toBe('WORKER_SILENT')
    expect(first({ result, silent: silent(undefined) })).toBe('WORKER_SILENT')
  })

  test('stands on events where the broker cannot tell', () => {
    expect(first({ heard: { state: 'PENDING', etaMs: NOW + 60_000 } })).toBe('DUE_LATER')
    expect(first({ heard: { state: 'PENDING', expiresMs: NOW - 1 } })).toBe('EXPIRED')
    expect(first({ heard: { state: 'RETRY', error: 'Oh' } })).toBe('RETRY_LATER')
    expect(first({ heard: { state: 'STARTED', worker: 'w@host' } })).toBe('RUNNING')
    const queue = { name: 'q', isThere: true, ready: 5_000, consumers: 0, looked: 1_000, isIts: true }
    expect(first({ heard: { state: 'PENDING', queue: 'q' }, queues: [queue] })).toBe('NO_WORKER_READS_QUEUE')
  })

  test('tells a schedule that is late from one that is not due', () => {
    const entry = { name: 'nightly', task: 'shop.add', isPaused: false, isEnabled: true }
    expect(first({ schedules: [{ ...entry, nextMs: NOW - 60_000 }] })).toBe('SCHEDULE_LATE')
    expect(first({ schedules: [{ ...entry, nextMs: NOW + 60_000 }] })).toBe('SCHEDULE_LATER')
    expect(first({ schedules: [{ ...entry, isEnabled: false }] })).toBe('SCHEDULE_DISABLED')
  })
})

test('docs/guide-why.md has the table of the code', () => {
  const page = readFileSync(new URL('../../docs/guide-why.md', import.meta.url), 'utf8')
  const [, table = ''] = /<!-- causes -->([\s\S]*)<!-- end -->/.exec(page) ?? []
  const rows = table.trim().split('\n').slice(2)
  const cells = rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
  expect(cells).toEqual(
    CODES.map((code) => [`\`${code}\``, CAUSES[code].title, (CAUSES[code] as { fix?: string }).fix ?? '']),
  )
})
