import { describe, expect, test } from 'vitest'
import { currentTask } from '../../src/index.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { Bench, Gate } from './bench.ts'

const patience = { timeout: '60s' } as const

describe('a retry', () => {
  test('is the same task again: RETRY is told, the message is sent for later, then acknowledged', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const seen: unknown[] = []
    const flaky = bench.app.task('flaky', () => {
      const { id, retries, request, retry } = currentTask()
      seen.push({ id, retries, eta: request.eta, parentId: request.parentId })
      if (retries < 2) throw retry({ countdown: '10s', cause: new TypeError('again') })
      return retries
    })
    const made = await bench.worker()
    const result = await flaky.delay()
    const states: string[] = []
    result.onUpdate(({ state }) => void states.push(state))
    await clock.play(9_999)
    expect(seen).toHaveLength(1)
    expect(made.stats()).toMatchObject({ held: 1, retried: 1 })
    await clock.play(10_002)
    expect(await result.get()).toBe(2)
    await clock.play(0)
    const { id } = result
    expect(seen).toEqual([
      { id, retries: 0, eta: null, parentId: null },
      { id, retries: 1, eta: '2026-01-01T00:00:10+00:00', parentId: id },
      { id, retries: 2, eta: '2026-01-01T00:00:20+00:00', parentId: id },
    ])
    expect(states).toEqual(['RETRY', 'RETRY'])
    expect(bench.happened).toEqual(['put RETRY', 'ack flaky', 'put RETRY', 'ack flaky', 'put SUCCESS', 'ack flaky'])
    expect(bench.logged('task done')).toMatchObject([
      { state: 'RETRY', retryInMs: 10_000, error: 'TypeError: again' },
      { state: 'RETRY', retries: 1 },
      { state: 'SUCCESS', retries: 2, waitMs: 0 },
    ])
  })

  test('keeps the body, the headers and the queue of the message', async () => {
    await using bench = new Bench()
    const bodies: unknown[] = []
    bench.app.task('flaky', () => {
      const { request, retries, retry, delivery } = currentTask()
      bodies.push([Buffer.from(request.body).toString(), request.custom, request.group, delivery.routingKey])
      if (retries === 0) throw retry({ countdown: 0 })
    })
    const made = await bench.worker({ queues: ['mail'] })
    const body = Buffer.from('[ [], {}, {"chord": null}]')
    await bench.publish({ task: 'flaky', body, custom: { 'x-mine': 'yes' }, group: 'g' }, [], 'mail')
    await expect.poll(() => made.stats().succeeded).toBe(1)
    const one = ['[ [], {}, {"chord": null}]', { 'x-mine': 'yes' }, 'g', 'mail']
    expect(bodies).toEqual([one, one])
  })

  test('whose queue was deleted meanwhile declares it again', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const [begun, deleted] = [new Gate(), new Gate()]
    const flaky = bench.app.task('flaky', async () => {
      begun.open()
      await deleted.passed
      if (currentTask().retries === 0) throw currentTask().retry({ countdown: '1s' })
      return 'done'
    })
    await bench.worker()
    const result = await flaky.delay()
    await begun.passed
    const { broker } = await bench.app.client()
    await broker.admin?.deleteQueue('celery')
    deleted.open()
    await clock.play(5_000)
    expect(await result.get()).toBe('done')
  })

  test('past the last one is the failure', async () => {
    await using bench = new Bench()
    const flaky = bench.app.task('flaky', { maxRetries: 1, retryOn: [RangeError], retryDelay: 0 }, () => {
      throw new RangeError('never')
    })
    const made = await bench.worker()
    await expect(flaky.delay().get(patience)).rejects.toMatchObject({ excType: 'ValueError', excArgs: ['never'] })
    expect(made.stats()).toMatchObject({ started: 2, retried: 1 })
  })
})
