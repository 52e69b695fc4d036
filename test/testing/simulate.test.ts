import { describe, expect, test } from 'vitest'
import { type App, currentTask, lovage, type Surroundings } from '../../src/index.ts'
import { type SimulatedWorld, simulate, type SimulateOptions, sleep } from '../../src/testing/testing.ts'

type Around = Required<Surroundings>
interface Made {
  readonly app: App
  readonly double: (x: number) => PromiseLike<{ get(): Promise<number> }> & { readonly id: string }
}

function made(around: Around): Made {
  const app = lovage('tests', {}, around)
  const double = app.task('double', { retryDelay: '1s' }, async (x: number) => {
    await sleep(around.clock, 10)
    if (x < 0) throw currentTask().retry()
    return 2 * x
  })
  return { app, double: (x) => double.delay(x) }
}

/** One world after the other in which nothing goes wrong, but for what the scenario does. */
const run = (
  scenario: (world: SimulatedWorld<Made>) => Promise<void>,
  rest: Partial<SimulateOptions<Made>> = {},
): ReturnType<typeof simulate> => {
  const faults = { crash: 0, stop: 0, stall: 0, cut: 0, restart: 0, closeChannel: 0, duplicate: 0, delay: 0 }
  return simulate({ app: made, scenario, seed: 1, schedules: 2, faults, ...rest })
}

describe('simulate', () => {
  test('runs the real thing: a task is sent, run, and answered, on both brokers', async () => {
    const seen: unknown[] = []
    const { tasks, starts } = await run(async ({ broker, client, clock }) => {
      const beganMs = clock.now()
      seen.push([broker, await (await client.double(4)).get(), clock.now() - beganMs >= 10])
    })
    expect(seen).toEqual([
      ['amqp', 8, true],
      ['memory', 8, true],
    ])
    expect([tasks, starts]).toEqual([2, 2])
  })

  test('hours of virtual time take none', async () => {
    await run(async (world) => {
      const beganMs = world.clock.now()
      await world.sleep(20 * 3_600_000)
      expect(world.clock.now() - beganMs).toBeGreaterThanOrEqual(20 * 3_600_000)
    })
  })

  test('runs a task again whose worker was killed, wherever it ran', async () => {
    await run(async (world) => {
      const sending = world.client.double(1)
      await sending
      for (let at = 0; at < 3; at++) world.crashWorker(at)
      expect(await (await sending).get()).toBe(2)
      // The worker hears later than the client that the outcome is safe.
      await world.sleep(1_000)
      expect([world.starts(sending.id) > 0, world.states(sending.id)]).toEqual([true, ['SUCCESS']])
    })
  })

  test('survives cuts and the death of the broker', async () => {
    await run(async (world) => {
      const sendings = [1, 2, 3, 4].map((x) => world.client.double(x))
      await Promise.all(sendings)
      world.cut('client')
      world.restartBroker()
      await world.sleep(60_000)
      for (const { id } of sendings) expect(world.states(id)).toContain('SUCCESS')
    })
  })

  test('lets a scenario start processes of its own, which may be killed', async () => {
    await run(async (world) => {
      const peer = world.peer('sender')
      await peer.made.double(1)
      peer.kill()
      const dead = peer.made.double(2).then(
        () => 'sent',
        () => 'failed',
      )
      expect(await Promise.race([dead, world.sleep(60_000).then(() => 'nothing')])).toBe('nothing')
    })
  })

  test('tells what failed, with the seed that repeats it and what happened', async () => {
    const scenario = async (world: SimulatedWorld<Made>): Promise<void> => {
      await (await world.client.double(1)).get()
      if (world.seed === 7) throw new Error('seven is bad')
    }
    const failing = run(scenario, { seed: 5, schedules: 9 })
    await expect(failing).rejects.toMatchObject({ code: 'SIMULATION_FAILED', details: { seed: 7 } })
    await expect(failing).rejects.toThrow(/seed 7 .*scenario failed: Error: seven is bad[^]*client +sends [^]*BROKEN/)
  })

  test('says so when a failure does not repeat', async () => {
    let count = 0
    const failing = run(async () => {
      if (count++ === 0) throw new Error('only once')
    })
    await expect(failing).rejects.toThrow(/It did not fail again/)
  })

  test('finds what hangs: for ever, or beyond the deadline', async () => {
    const forEver = run(async () => new Promise<void>(() => {}), { brokers: ['memory'], workers: 0 })
    await expect(forEver).rejects.toThrow(/scenario waits for what nothing in this world will bring/)
    const tooLong = run((world) => world.sleep(1_000), { deadlineMs: 500 })
    await expect(tooLong).rejects.toThrow(/scenario did not come to its end within 500 ms of virtual time/)
    const endless = run(async ({ client }) => void (await client.double(-1)), { workers: 0, brokers: ['memory'] })
    await expect(endless).rejects.toThrow(/settling of all messages did not come to its end/)
  })

  test('asks the invariants once all is quiet', async () => {
    let sent = ''
    const scenario = async ({ client }: SimulatedWorld<Made>): Promise<void> => {
      const sending = client.double(3)
      sent = sending.id
      await sending
    }
    await run(scenario, { invariants: (world) => expect(world.states(sent)).toEqual(['SUCCESS']) })
    const broken = run(scenario, { invariants: (world) => expect(world.states(sent)).toEqual(['FAILURE']) })
    await expect(broken).rejects.toThrow(/invariants failed/)
  })

  test('finds an outcome of a message that nobody sent', async () => {
    const forging = run(async (world) => {
      const { backend } = await world.client.app.client()
      await backend.put({ id: 'nobody', state: 'SUCCESS', result: { value: 1 }, traceback: null }, {})
    })
    await expect(forging).rejects.toThrow(/an outcome of nobody was stored, and nobody sent it/)
  })
})
