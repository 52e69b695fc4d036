import { describe, expect, test } from 'vitest'
import { Bench, waiting } from './bench.ts'

const NODE = 'w1@vm'

describe('queues that a worker is told to read', () => {
  test('while it starts are read when it begins to, within its credit', async () => {
    await using bench = new Bench()
    const { app } = bench
    const asked: Promise<unknown>[] = []
    // It can be asked before it reads: meanwhile it asks others what is revoked.
    app.on('workerInit', async () => {
      const { broker } = await app.client()
      const declare = broker.declare.bind(broker)
      broker.declare = async (topology) => {
        await declare(topology)
        if (asked.length > 0 || topology.queues?.[0]?.name !== 'celery') return
        const steered = app.control.addConsumer('images', { destination: NODE, reply: true, timeout: '60s' })
        asked.push(steered)
        expect(await steered).toEqual([{ hostname: NODE, value: { ok: 'add consumer images' } }])
      }
    })
    await bench.worker({ hostname: NODE, concurrency: 2, prefetch: 3, remoteControl: true })
    expect(asked).toHaveLength(1)
    const { broker } = await app.client()
    expect(await broker.admin?.depth('images')).toMatchObject({ consumers: 1 })
    // The mailbox and who asks have no limit; what brings tasks has.
    expect(bench.prefetches.filter((prefetch) => prefetch > 0)).toEqual([3])
    expect(bench.prefetches.filter((prefetch) => prefetch === 0)).toHaveLength(2)
  })

  test('or no longer, are as they were where that fails, with all their credit', async () => {
    await using bench = new Bench()
    const { app } = bench
    const { release } = waiting(bench)
    const made = await bench.worker({
      hostname: NODE,
      concurrency: 2,
      prefetch: 3,
      remoteControl: true,
      queues: ['celery', 'images'],
    })
    await bench.publish({ task: 'wait', id: 'runs' }, ['a'])
    await expect.poll(() => made.stats().running).toBe(1)
    const { broker } = await app.client()
    const consume = broker.consume.bind(broker)
    const tell = { destination: NODE, reply: true, timeout: '60s' } as const
    await app.control.ping(tell)
    broker.consume = () => Promise.reject(new Error('the broker is away'))
    const away = [{ hostname: NODE, value: { error: expect.stringContaining('the broker is away') as string } }]
    expect(await app.control.addConsumer('media', tell)).toEqual(away)
    expect(await app.control.cancelConsumer('images', tell)).toEqual(away)
    broker.consume = consume
    expect(bench.prefetches.at(-1)).toBe(3)
    const [queues] = Object.values(await app.control.inspect(tell).activeQueues())
    expect(queues?.map(({ name }) => name)).toEqual(['celery', 'images'])
    release()
    expect(await app.control.cancelConsumer('images', tell)).toEqual([
      { hostname: NODE, value: { ok: 'no longer consuming from images' } },
    ])
    expect(await broker.admin?.depth('images')).toMatchObject({ consumers: 0 })
  })
})
