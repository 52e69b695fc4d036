import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type App, chain, chord, lovage } from '../../src/index.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { worker } from '../../src/worker/worker.ts'

describe('what expires in a queue before any worker is there', () => {
  let app: App
  let clock: VirtualClock
  let told: unknown[]
  let end: () => Promise<void>

  const define = (on: App) => ({
    add: on.task('add', (x: number, y: number) => x + y),
    sum: on.task('sum', (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0)),
    tell: on.task('tell', (id: unknown) => void told.push(id)),
  })
  let tasks: ReturnType<typeof define>

  beforeEach(() => {
    told = []
    clock = new VirtualClock()
    app = lovage('expired', { broker: `memory://${randomUUID()}` }, { clock, env: {} })
    tasks = define(app)
    end = () => app.close()
  })
  afterEach(() => end())

  /** The worker comes too late. */
  async function late(): Promise<void> {
    await clock.play(60_000)
    const service = worker(app, {}, { clock })
    await service.start()
    end = async () => {
      const stopping = service.stop('cold')
      await clock.play(60_000)
      await stopping
      await app.close()
    }
    await clock.play(1_000)
  }

  test('has the chord that it is a member of end, and its error callback called', async () => {
    const { add, sum, tell } = tasks
    const body = sum.s().linkError(tell.s())
    const result = await chord([add.s(1, 2).set({ expires: '5s' }), add.s(3, 4)], body).delay()
    const { backend } = await app.client()
    await late()
    expect(await backend.get(result.id)).toMatchObject({ state: 'FAILURE' })
    expect(told).toEqual([result.id])
  })

  test('has the steps behind it told, and its error callback called', async () => {
    const { add, tell } = tasks
    const first = add.s(1, 2).set({ expires: '5s' }).linkError(tell.s())
    const result = await chain(first, add.s(3)).delay()
    const { backend } = await app.client()
    await late()
    expect(await backend.get(result.id)).toMatchObject({ state: 'REVOKED' })
    expect(told).toEqual([result.parent?.id])
  })
})
