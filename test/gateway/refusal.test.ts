import { randomUUID } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { Refusal } from '../../src/gateway/refusal.ts'
import type { RouteRequest, TaskRoute } from '../../src/gateway/route.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { openApp } from './open-gateway.ts'

const SLOTS = 4
const RUN_MS = 1_000
const LEFT_MS = 5_000

/** Workers that answer questions or not, and a queue that is 20 s long for both of them. */
function scene() {
  const clock = new VirtualClock()
  const real = openApp({ broker: `memory://${randomUUID()}`, store: undefined })
  const answering = new Set(['one', 'two'])
  const all = <T>(answer: T): Record<string, T> => Object.fromEntries([...answering].map((node) => [node, answer]))
  let messages = (2 * SLOTS * 20_000) / RUN_MS
  const inspect = () => ({
    stats: async () => all({ pool: { 'max-concurrency': SLOTS } }),
    activeQueues: async () => all([{ name: 'celery' }]),
  })
  const admin = { depth: async () => ({ queue: 'celery', messages, consumers: 2 }) }
  const { name, registry, settings } = real
  const app = { name, registry, settings, control: { inspect }, client: async () => ({ broker: { admin } }) }
  const refusal = new Refusal(app as unknown as App, clock)
  onTestFinished(() => refusal.stop())
  const route = { task: { name: 'work' } } as TaskRoute
  refusal.watch(route, undefined)
  refusal.start()
  refusal.ran(route, RUN_MS)
  let number = 0
  const isIn = async (): Promise<boolean> => {
    const request = { method: 'GET', url: `/${number++}`, headers: {}, raw: Buffer.alloc(0), request: {} }
    const verdict = refusal.check(route, request as RouteRequest, LEFT_MS)
    return verdict.then(
      () => true,
      () => false,
    )
  }
  return { clock, answering, isIn, waiting: (count: number) => void (messages = count) }
}

test('workers that are too busy to answer a question or two are still known, and callers still refused', async () => {
  const { clock, answering, isIn } = scene()
  await clock.play(1_000)
  expect(await isIn()).toBe(false)
  answering.clear()
  await clock.play(9_000)
  expect(await isIn()).toBe(false)
})

test('while one of two workers does not answer, nobody is refused whom both can serve', async () => {
  const { clock, answering, isIn, waiting } = scene()
  waiting((2 * SLOTS * 2_500) / RUN_MS)
  await clock.play(1_000)
  expect(await isIn()).toBe(true)
  answering.delete('two')
  await clock.play(9_000)
  expect(await isIn()).toBe(true)
})

test('workers that have not answered for long are gone', async () => {
  const { clock, answering, isIn } = scene()
  await clock.play(1_000)
  answering.clear()
  await clock.play(40_000)
  expect(await isIn()).toBe(true)
})
