import { describe, expect, test } from 'vitest'
import { Gate, waiting } from './bench.ts'
import { message, options, stage, tells, TIMEOUT_MS } from './lease-stage.ts'

describe('a message in hand', () => {
  test('is moved before half of the time has passed, and again, whether it runs or is held', async () => {
    await using on = await stage()
    const { bench, clock, copies } = on
    const { begun, release } = waiting(bench)
    const made = await bench.worker(options)
    const [early, held] = [message('runs'), message('held', { eta: new Date(clock.now() + 60_000).toISOString() })]
    await bench.send({ ...early, userId: 'guest', expirationMs: 100_000 })
    await bench.send(held)
    await clock.play(TIMEOUT_MS / 4 - 1)
    expect(made.stats()).toMatchObject({ leased: 0, running: 1, held: 1 })
    await clock.play(TIMEOUT_MS / 4)
    // What runs counts as a start that did not end, should it ever come back; what is held does not.
    expect(tells(copies)).toEqual(['runs 1', 'held undefined'])
    expect(copies[0]).not.toHaveProperty('userId')
    expect(copies[0]).not.toHaveProperty('expirationMs')
    expect(bench.happened).toEqual(['ack wait', 'ack wait'])
    expect(await bench.depth()).toBe(0)
    await clock.play(TIMEOUT_MS)
    expect(made.stats().leased).toBeGreaterThanOrEqual(6)
    expect(bench.happened).toHaveLength(made.stats().leased)
    expect(begun).toEqual(['runs'])
    release()
    await clock.play(60_000)
    expect(begun).toEqual(['runs', 'held'])
    release()
    await clock.play(0)
    expect(made.stats()).toMatchObject({ succeeded: 2, lost: 0, adopted: 0 })
    // The last of its copies told of no start: it was moved once more before there was one.
    expect(tells(copies).at(-1)).toBe('held 1')
  })

  test('stays what it is while a copy cannot be sent, and is moved when one can', async () => {
    await using on = await stage()
    const { bench, clock } = on
    const { release } = waiting(bench)
    const made = await bench.worker(options)
    on.hold = () => Promise.reject(new Error('down'))
    await bench.send(message('a'))
    await clock.play(TIMEOUT_MS)
    expect(made.stats()).toMatchObject({ leased: 0, running: 1 })
    expect(bench.happened).toEqual([])
    expect(bench.logged('message could not be moved under a lease').length).toBeGreaterThan(1)
    on.hold = () => Promise.resolve()
    await clock.play(TIMEOUT_MS / 4)
    expect(made.stats()).toMatchObject({ leased: 1 })
    release()
    await clock.play(0)
    expect(made.stats()).toMatchObject({ succeeded: 1 })
    expect(bench.happened).toEqual(['ack wait', 'put SUCCESS', 'ack wait'])
  })

  test('whose task ends while its copy is on the way is acknowledged with it, after the result is stored', async () => {
    await using on = await stage()
    const { bench, clock } = on
    const { release } = waiting(bench)
    const made = await bench.worker(options)
    const gate = new Gate()
    on.hold = () => gate.passed
    await bench.send(message('a'))
    await clock.play(TIMEOUT_MS / 2)
    release()
    await clock.play(0)
    expect(bench.happened).toEqual(['put SUCCESS'])
    gate.open()
    await clock.play(0)
    expect(bench.happened).toEqual(['put SUCCESS', 'ack wait', 'ack wait'])
    expect(made.stats()).toMatchObject({ succeeded: 1, lost: 0 })
  })

  test('takes no credit under a lease, so that not more come than the worker can hold', async () => {
    await using on = await stage()
    const { bench, clock } = on
    const { begun, release } = waiting(bench)
    const made = await bench.worker({ ...options, concurrency: 2, prefetch: 3 })
    for (const id of ['a', 'b', 'c', 'd', 'e']) await bench.send(message(id))
    await clock.play(TIMEOUT_MS / 2)
    expect(made.stats()).toMatchObject({ running: 2, leased: 2 })
    expect(bench.prefetches.filter((prefetch) => prefetch > 0).at(-1)).toBe(1)
    await clock.play(10 * TIMEOUT_MS)
    expect(begun).toEqual(['a', 'b'])
    // One is ready to start; the others are for whoever is free.
    expect(await bench.depth()).toBe(2)
    release()
    await clock.play(0)
    release()
    await clock.play(0)
    release()
    await clock.play(0)
    expect(made.stats()).toMatchObject({ succeeded: 5 })
    expect(bench.prefetches.at(-1)).toBe(3)
    expect(begun.toSorted()).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  test('that waits for a slot is given back: as it is once, and then as a new one', async () => {
    await using on = await stage()
    const { bench, clock, copies } = on
    waiting(bench)
    const made = await bench.worker({ ...options, concurrency: 1, prefetch: 2 })
    await bench.send(message('runs'))
    await bench.send(message('waits'))
    await clock.play(TIMEOUT_MS / 2)
    expect(bench.happened).toEqual(['requeue wait', 'ack wait'])
    expect(made.stats()).toMatchObject({ received: 3, waiting: 1, leased: 1 })
    await clock.play(TIMEOUT_MS / 2)
    expect(made.stats().returned).toBeGreaterThanOrEqual(2)
    expect(bench.happened.filter((what) => what === 'requeue wait')).toHaveLength(1)
    expect(copies.every(({ headers }) => headers.id === 'runs')).toBe(true)
  })

  test('goes back to its queue when the worker stops, and the queue of leases with the worker', async () => {
    await using on = await stage()
    const { bench, clock, broker } = on
    waiting(bench)
    const made = await bench.worker({ ...options, gracePeriod: 0 })
    await bench.send(message('a'))
    await clock.play(TIMEOUT_MS / 2)
    const stopping = made.stop()
    await clock.play(10_000)
    await stopping
    expect(made.stats()).toMatchObject({ leased: 1, returned: 1 })
    expect(await bench.depth()).toBe(1)
    expect(await broker.admin?.depth(on.exchange())).toBeUndefined()
    const found: unknown[] = []
    await broker.admin?.visit('celery', 1, ({ message: { headers } }) => void found.push(Object.keys(headers)))
    expect(found).toEqual([Object.keys(message('a').headers)])
  })

  test('is left alone where there is no such limit', async () => {
    await using on = await stage()
    const { bench, clock } = on
    waiting(bench)
    const made = await bench.worker({ consumerTimeout: 0 })
    await bench.send(message('a'))
    await clock.play(86_400_000)
    expect(made.stats()).toMatchObject({ leased: 0, running: 1 })
    expect(on.exchange()).toBe('')
  })
})

test('a worker that could not start looks after no leases', async () => {
  await using made = await stage()
  const { bench, broker, clock } = made
  const before = clock.waiting
  broker.consume = () => Promise.reject(new Error('no consumers today'))
  await expect(bench.worker(options)).rejects.toThrow('no consumers today')
  expect(clock.waiting).toBe(before)
})
