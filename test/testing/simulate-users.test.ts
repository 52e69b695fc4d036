import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { isLovageError, lovage } from '../../src/index.ts'
import { gateway } from '../../src/gateway/gateway.ts'
import { simulate, type SimulatedSurroundings, sleep } from '../../src/testing/testing.ts'

/** What a user's modules have: an application, tasks that wait as any JavaScript does, a gateway, and what they act on. */
const app = lovage('shop')
const bank = new Map<string, number>()
const charge = app.task('shop.charge', async (order: string, cents: number) => {
  await new Promise((resolve) => setTimeout(resolve, 20))
  bank.set(order, cents)
  return cents
})
const careless = app.task('shop.careless', async (order: string, cents: number) => {
  await delay(20)
  bank.set(order, (bank.get(order) ?? 0) + cents)
})
const order = app.task('shop.order', async (name: string) => {
  await charge.delay(name, 7)
  return new Date().getUTCFullYear()
})
const door = gateway(app, { timeout: '5m' }).get('/order/:name', order, { args: ({ params }) => [params.name] })

const CALM = { crash: 0, stop: 0, stall: 0, cut: 0, restart: 0, closeChannel: 0, duplicate: 0, delay: 0 }

async function failure(work: Promise<unknown>): Promise<{ message: string; strikes: readonly number[]; seed: number }> {
  const error = await work.catch((thrown: unknown) => thrown)
  if (!isLovageError(error, 'SIMULATION_FAILED')) throw error
  const { strikes, seed } = error.details as { strikes: readonly number[]; seed: number }
  return { message: error.message, strikes, seed }
}

describe('tasks of a module, as they are', () => {
  test('run on virtual time in every process, and bring about the same whatever goes wrong', async () => {
    const beganMs = Date.now()
    const { starts, tasks } = await simulate({
      app,
      seed: 1,
      schedules: 60,
      async scenario({ insist, sleep: pause, random }) {
        bank.clear()
        for (const name of ['A', 'B', 'C']) {
          await insist(() => charge.delay(name, 5))
          await pause(random() * 3_600_000)
        }
        expect(Date.now()).toBeLessThan(beganMs)
        await insist(() => order.delay('D'))
      },
      state: () => bank,
    })
    expect(tasks).toBeGreaterThan(60 * 4)
    expect(starts).toBeGreaterThan(tasks)
    expect(bank).toEqual(new Map(Object.entries({ A: 5, B: 5, C: 5, D: 7 })))
    // Nothing of it is left.
    expect(Math.abs(Date.now() - beganMs)).toBeLessThan(600_000)
    await expect(delay(1, 'real')).resolves.toBe('real')
  })

  test('that cannot bear to run twice are found out, with the one strike that it takes', async () => {
    const options = {
      app,
      schedules: 200,
      scenario: async ({ insist }: { insist: <T>(send: () => PromiseLike<T>) => Promise<T> }) => {
        bank.clear()
        await insist(() => careless.delay('A', 5))
      },
      state: () => bank,
    }
    const { message, strikes, seed } = await failure(simulate({ ...options, seed: 1 }))
    expect(message).toMatch(/the state is not what it is when nothing goes wrong\nIt is: Map\(1\) \{ 'A' => \d+ \}/)
    expect(message).toMatch(/It takes no more than this to go wrong:\n +\d+ .* ms {2}\w+ of /)
    expect(message).toContain("sends shop.careless('A', 5) ")
    expect(strikes).toHaveLength(1)
    // The seed and the strike repeat it; without the strike there is nothing to see.
    expect(await failure(simulate({ ...options, seed, schedules: 1, strikes }))).toEqual({ message, strikes, seed })
    await simulate({ ...options, seed, schedules: 1, strikes: [] })
  })

  test('answer through the gateway of a module', async () => {
    await simulate({
      app,
      seed: 1,
      schedules: 2,
      faults: CALM,
      async scenario() {
        bank.clear()
        expect((await door.inject('/order/E')).json()).toEqual({ results: 2026 })
      },
      invariants: () => expect(bank).toEqual(new Map([['E', 7]])),
    })
  })

  test('that fail although nothing goes wrong are said to', async () => {
    const failing = simulate({ app, seed: 3, schedules: 1, scenario: async () => Promise.reject(new Error('mine')) })
    const { message, strikes } = await failure(failing)
    expect(strikes).toEqual([])
    expect(message).toMatch(/scenario failed: Error: mine[^]*It fails although nothing goes wrong/)
  })
})

describe('a scenario', () => {
  const deadly = (around: SimulatedSurroundings) => {
    const made = lovage('deadly', {}, around)
    let isFirst = true
    const once = made.task('once', async (first: string) => {
      if (around.process === first && isFirst) around.die()
      isFirst = false
      await sleep(around.clock, 1)
      return around.process
    })
    return { app: made, once }
  }

  test('may add workers, and have tasks that kill theirs', async () => {
    const seen: string[] = []
    await simulate({
      app: deadly,
      seed: 1,
      schedules: 2,
      workers: 1,
      faults: CALM,
      async scenario({ client, addWorker, starts }) {
        const result = await client.once.delay('worker-1.1')
        expect(addWorker()).toBe(1)
        seen.push(await result.get({ timeout: '1m' }))
        expect(starts(result.id)).toBe(2)
      },
    })
    for (const process of seen) expect(['worker-1.2', 'worker-2.1']).toContain(process)
    expect(seen).toHaveLength(2)
  })

  test('may have gateways, which answer, are hung up on, stop warmly and die', async () => {
    let answered = 0
    await simulate({
      app: deadly,
      seed: 1,
      schedules: 2,
      faults: CALM,
      async scenario({ peer, sleep: pause }) {
        const process = peer('gateway')
        const http = gateway(process.made.app, {}, process)
          .get('/once', process.made.once, { args: () => ['nobody'] })
          .post('/echo', process.made.once, { args: ({ body }) => [String((body as { first: string }).first)] })
        await http.start()
        const posted = await http.inject({ method: 'POST', url: '/echo', payload: { first: 'nobody' } })
        expect([posted.statusCode, posted.json().results]).toEqual([200, expect.stringContaining('worker-')])
        expect((await http.inject('/nowhere')).statusCode).toBe(404)
        const line = new AbortController()
        const hungUp = http.inject({ url: '/once', signal: line.signal as never })
        line.abort()
        await expect(hungUp).rejects.toMatchObject({ code: 'ECONNRESET' })
        const open = http.inject('/once')
        await pause(3)
        const stopping = http.stop()
        expect((await open).statusCode).toBe(200)
        await stopping
        const cut = http.inject('/once')
        process.kill()
        await expect(cut).rejects.toMatchObject({ code: 'ECONNRESET' })
        expect(process.isAlive).toBe(false)
        await process.gone
        answered++
      },
    })
    expect(answered).toBe(2)
  })

  test('may insist on what the broker did not take at first', async () => {
    let tries = 0
    const other = new Error('not of the broker')
    await simulate({
      app,
      seed: 1,
      schedules: 6,
      faults: CALM,
      brokers: ['amqp'],
      async scenario({ insist, restartBroker }) {
        restartBroker()
        await insist(() => {
          tries++
          return charge.delay('F', 1)
        })
        await expect(insist(() => Promise.reject(other))).rejects.toBe(other)
      },
    })
    expect(tries).toBeGreaterThan(6)
  })
})
