import { expect, test } from 'vitest'
import { hasNoThreads } from '../../src/cli/young-generation.ts'
import { describeWith, brokerUrl } from '../services/rabbitmq.ts'
import { lovage, project } from './lovage.ts'

const shared = { broker: 'amqp://localhost', backend: 'rpc://', store: undefined }

test('threads that work in this process are its own, and those of the embedded broker', () => {
  expect(hasNoThreads(shared, ['async', 'processes'])).toBe(true)
  expect(hasNoThreads(shared, ['async', 'threads'])).toBe(false)
  expect(hasNoThreads({ ...shared, broker: 'embedded://' }, ['async'])).toBe(false)
  expect(hasNoThreads({ ...shared, store: 'embedded:///tmp/x' }, ['async'])).toBe(false)
})

/** Says what its young generation takes once it holds much that is neither new nor old, and a thread has been started. */
const TASKS = `
  import { lovage } from 'lovage'
  import { once } from 'node:events'
  import { getHeapSpaceStatistics } from 'node:v8'
  import { Worker } from 'node:worker_threads'
  export const app = lovage('young')
  const young = () => getHeapSpaceStatistics().find((one) => one.space_name === 'new_space').space_size / 2 ** 20
  const kept = []
  const fill = (count) => { for (let i = 0; i < count; i++) kept[i % 20_000] = { i, of: [i] } }
  while (young() < 8) fill(1_000)
  const isLookedAt = async () => {
    while (process.listenerCount('worker') === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const tell = async () => {
    if (process.env.NODE_OPTIONS === undefined) await isLookedAt()
    await once(new Worker('', { eval: true }), 'exit')
    fill(3_000_000)
    console.error('young generation: ' + young() + ' MiB')
  }
  // Its start waits for who is told of it.
  app.on('workerReady', () => void tell())
`

describeWith(['rabbitmq'], 'the young generation of lovage worker', () => {
  test.each([
    ['grows no more once it is large enough', undefined, 8],
    ['has the size that it was given', '--max-semi-space-size=8', 16],
  ])('%s', async (_what, options, expected) => {
    const url = await brokerUrl(import.meta.url)
    const env = { LOVAGE_BROKER_URL: url, NODE_OPTIONS: options }
    const child = lovage(['worker', '-A', 'tasks.mjs'], { cwd: project({ 'tasks.mjs': TASKS }), env })
    try {
      const line = await child.line(/young generation: .*/)
      expect(line).toBe(`young generation: ${expected} MiB`)
    } finally {
      await child.kill()
    }
  })
})
