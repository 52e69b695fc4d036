import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { drainNodes, reasonToStay } from '../../src/cli/draining.ts'
import { type App, lovage } from '../../src/index.ts'
import { worker } from '../../src/worker/worker.ts'
import { brokerUrl, describeWith } from '../services/rabbitmq.ts'
import { run } from './lovage.ts'

const PATIENT = { timeoutMs: 90_000, silenceMs: 20_000, say: () => {} }

/** An app of two workers, whose tasks last until they are told to end. */
async function site(
  broker: string,
  queue: string,
): Promise<{ app: App; begun: Promise<void>; end: () => void; send: () => PromiseLike<unknown> }> {
  const app = lovage('drained', { broker, backend: 'rpc://', defaultQueue: queue }, { env: {} })
  onTestFinished(() => app.close())
  let begin = (): void => {}
  let end = (): void => {}
  const begun = new Promise<void>((resolve) => (begin = resolve))
  const ended = new Promise<void>((resolve) => (end = resolve))
  const wait = app.task(`${queue}.wait`, async () => {
    begin()
    await ended
  })
  for (const name of ['one', 'two']) {
    const made = worker(app, { hostname: `${name}@${queue}`, concurrency: 1, prefetch: 1 })
    await made.start()
    onTestFinished(() => made.stop())
  }
  onTestFinished(() => end())
  return { app, begun, end, send: () => wait.delay() }
}

describeWith(['rabbitmq'], 'drained workers', () => {
  let broker: string
  beforeAll(async () => {
    broker = await brokerUrl(import.meta.url)
  })

  test(
    'finish what they have in hand and take nothing more; where that takes too long they read on',
    { timeout: 300_000 },
    async () => {
      const { app, begun, end, send } = await site(broker, 'slow')
      const nodes = ['one@slow', 'two@slow']
      const reads = async (): Promise<number> =>
        Object.values(await app.control.inspect({ timeout: 20_000, limit: 2 }).activeQueues()).flat().length
      await send()
      await begun
      const why = await drainNodes(app, nodes, { ...PATIENT, timeoutMs: 5_000 })
      expect(why).toMatch(/^1 task in hand after 5 s; its queues are read again$/)
      expect(await reads()).toBe(2)
      const giveUp = new AbortController()
      const given = drainNodes(app, nodes, { ...PATIENT, signal: giveUp.signal })
      await expect.poll(reads).toBe(0)
      giveUp.abort()
      expect(await given).toMatch(/ when told to give up; its queues are read again$/)
      expect(await reads()).toBe(2)
      const drained = drainNodes(app, nodes, PATIENT)
      await expect.poll(reads).toBe(0)
      end()
      expect(await drained).toBeUndefined()
      expect(await reads()).toBe(0)
    },
  )

  test('the last that reads a queue in which work waits has a reason to stay', { timeout: 300_000 }, async () => {
    const { app, send, end } = await site(broker, 'last')
    for (let sent = 0; sent < 8; sent++) await send()
    expect(await reasonToStay(app, ['one@last'], 2_000)).toBeUndefined()
    const env = { LOVAGE_BROKER_URL: broker }
    const check = await run(['drain', '--check', 'one@last', 'two@last', '--silence', '3s'], { env })
    expect(check).toMatchObject({
      code: 1,
      text: expect.stringMatching(/^[1-8] wait in last, which nobody else reads$/),
    })
    end()
  })
})
