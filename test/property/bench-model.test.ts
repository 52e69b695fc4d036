import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Costs, THE_SITE, type Site } from '../../bench/model/costs.ts'
import { knownCosts, MEASURED } from '../../bench/model/known-costs.ts'
import { capacity, latencyMs, limits } from '../../bench/model/model.ts'
import { erlangC, sojourn } from '../../bench/model/queueing.ts'
import { eventMessagesPerTask, resources, resultsPerPack, utilisation } from '../../bench/model/resources.ts'

const sites: fc.Arbitrary<Site> = fc
  .record({
    workers: fc.integer({ min: 1, max: 5_000 }),
    concurrency: fc.integer({ min: 1, max: 500 }),
    gateways: fc.integer({ min: 1, max: 500 }),
    nodes: fc.integer({ min: 1, max: 9 }),
    coresPerNode: fc.integer({ min: 1, max: 64 }),
    replicas: fc.constantFrom(1, 3, 5),
    queues: fc.integer({ min: 1, max: 100 }),
    taskMs: fc.integer({ min: 0, max: 1_000 }),
    listeners: fc.integer({ min: 0, max: 10 }),
    hasResults: fc.boolean(),
  })
  .map((change) => ({ ...THE_SITE, ...change }))

describe('waiting lines', () => {
  test('with one server the share that waits is its load, as the formula of M/M/1 has it', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 0.999, noNaN: true }), (load) => {
        expect(erlangC(1, load)).toBeCloseTo(load, 9)
        expect(sojourn(1, 1, load)).toBeCloseTo(1 / (1 - load), 6)
      }),
    )
  })

  test('the share that waits is one of the values that are in every textbook', () => {
    expect(erlangC(2, 1)).toBeCloseTo(1 / 3, 9)
    expect(erlangC(5, 4)).toBeCloseTo(0.5541, 4)
    expect(erlangC(10, 8)).toBeCloseTo(0.4092, 4)
  })

  test('more servers for the same work make nobody wait longer', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.double({ min: 0, max: 0.99, noNaN: true }), (servers, share) => {
        const load = servers * share
        expect(sojourn(servers + 1, 1, load)).toBeLessThanOrEqual(sojourn(servers, 1, load) + 1e-9)
      }),
    )
  })
})

describe('the model of a site', () => {
  test('ends where its first resource is full, and no other is', () => {
    fc.assert(
      fc.property(sites, (site) => {
        const most = capacity(site, MEASURED)
        const busy = resources(site, MEASURED, most).map((resource) => utilisation(resource, most))
        expect(Math.max(...busy)).toBeCloseTo(1, 3)
        expect(limits(site, MEASURED)).toHaveLength(busy.length)
      }),
      { numRuns: 50 },
    )
  })

  test('answers more slowly the more there is to do, where messages share nothing, and never beyond its end', () => {
    fc.assert(
      fc.property(sites, (any) => {
        const site = { ...any, hasResults: false, listeners: 0 }
        const most = capacity(site, MEASURED)
        const at = [0.2, 0.5, 0.8, 0.95].map((share) => latencyMs(site, MEASURED, share * most))
        for (const [i, ms] of at.entries()) expect(ms).toBeGreaterThanOrEqual(at[i - 1] ?? site.taskMs)
        expect(latencyMs(site, MEASURED, most * 1.01)).toBe(Infinity)
      }),
      { numRuns: 50 },
    )
  })

  test('has no less room with more queues, more cores or fewer copies', () => {
    fc.assert(
      fc.property(sites, (site) => {
        const most = capacity(site, MEASURED)
        for (const more of ['queues', 'coresPerNode'] as const) {
          expect(capacity({ ...site, [more]: site[more] + 1 }, MEASURED)).toBeGreaterThanOrEqual(most * 0.9999)
        }
        const { replicas } = site
        const less = { ...site, replicas: replicas === 1 ? 1 : replicas - 1 }
        // A queue without copies is one of another kind.
        if (less.replicas > 1) expect(capacity(less, MEASURED)).toBeGreaterThanOrEqual(most * 0.9999)
      }),
      { numRuns: 50 },
    )
  })

  test('puts no fewer than one result into a message, and tells no more often than things happen', () => {
    fc.assert(
      fc.property(sites, fc.double({ min: 0.1, max: 1e6, noNaN: true }), (site, rate) => {
        expect(resultsPerPack(site, rate)).toBeGreaterThanOrEqual(1)
        expect(eventMessagesPerTask(site, rate)).toBeLessThanOrEqual(site.eventsPerTask)
      }),
    )
  })

  test('takes its costs from what was measured last, and says of each where it is from', () => {
    const piece = (bar: string, value: number) => ({
      what: `RabbitMQ, ${bar}: ${value}`,
      value,
      unit: 'µs',
      stack: { group: 'RabbitMQ', bar, part: 'results', detail: 'results' },
    })
    const rows = [piece('worker', 30), piece('worker', 3), piece('caller', 9)]
    const lovage = { value: 9_000, unit: '/s', contender: 'lovage', cpuMicros: 105 }
    const alone = { what: 'gateway, 64 connections, CPU of our gateway alone, each request', value: 72, unit: 'µs' }
    const costs = knownCosts({
      profile: rows,
      gateway: [{ what: 'gateway, 64 connections, lovage', ...lovage }, alone],
    })
    expect(costs.workerTask.micros).toBe(33)
    // The worker is a cost of its own.
    expect(costs.gatewayRequest.micros).toBe(72)
    expect(costs.workerTask.source).toContain('`profile`')
    const nothing = knownCosts({})
    expect(nothing.workerTask.micros).toBe(MEASURED.workerTask)
    for (const cost of Object.keys(MEASURED) as (keyof Costs)[]) expect(nothing[cost].source).not.toBe('')
  })
})
