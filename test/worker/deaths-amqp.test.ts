import { join } from 'node:path'
import { afterAll, beforeAll, test } from 'vitest'
import { listDead } from '../../src/broker/dead-letters.ts'
import { lovage } from '../../src/index.ts'
import { type Child, startChild } from '../services/child.ts'
import { describeWith, RabbitmqNode } from '../services/rabbitmq.ts'
import { PATIENT } from '../services/patience.ts'

const ROOT = join(import.meta.dirname, '../..')

/** Lives of a killer in this test: its first start, and as many more as `maxDeliveries` allows. */
const LIVES = 4

describeWith(['rabbitmq'], 'a task that kills its worker each time', () => {
  let node: RabbitmqNode
  const ends: (() => Promise<unknown>)[] = []

  beforeAll(async () => {
    node = await RabbitmqNode.start({ vhosts: ['classic'] })
    await node.ctl('add_vhost', 'quorum', '--default-queue-type', 'quorum')
    await node.ctl('set_permissions', '-p', 'quorum', 'guest', '.*', '.*', '.*')
  }, 240_000)
  afterAll(async () => {
    for (const end of ends.splice(0).toReversed()) await end()
    await node.remove()
  })

  async function startWorker(url: string): Promise<Child> {
    const child = startChild(process.execPath, ['scripts/run-ts.mjs', 'test/worker/deaths-process.ts'], {
      cwd: ROOT,
      env: { LOVAGE_BROKER_URL: url, LOVAGE_RESULT_BACKEND: undefined, QUEUE: 'tasks', AMONG: '4' },
      name: 'worker that is killed',
    })
    ends.push(() => child.kill())
    await child.line('ready', { timeoutMs: 60_000 })
    return child
  }

  test.concurrent.for(['classic', 'quorum'])(
    'ends in the dead letters, and those that ran beside it do not: on %s queues',
    { timeout: 300_000 },
    async (type, { expect }) => {
      const url = node.url(type)
      const app = lovage('client', { broker: url, defaultQueue: 'tasks', ...PATIENT }, { env: {} })
      ends.push(() => app.close())
      // Made by a worker that comes and goes.
      await startWorker(url).then((child) => child.kill())
      let isOver = false
      let innocents = 0
      const lane = async (): Promise<void> => {
        while (!isOver) {
          const label = `innocent ${++innocents}`
          expect(await app.sendTask<string>('innocent', [label]).get({ timeout: '240s' })).toBe(label)
        }
      }
      // However often it kills, others are always beside it.
      const lanes = Promise.all(Array.from({ length: 8 }, lane))
      // What fails before they are waited for is told by itself.
      lanes.catch(() => {})
      const killer = await app.sendTask('killer', [])
      const killed = killer
        .get({ timeout: '240s' })
        .then(() => 'it lives', String)
        .finally(() => (isOver = true))
      for (let life = 0; life < LIVES; life++) {
        const child = await startWorker(url)
        // More than lanes, where the last acknowledgements died with the worker before.
        const line = await child.line(/killed among/, { timeoutMs: 120_000 })
        expect(Number(/among (\d+)/.exec(line)?.[1])).toBeGreaterThanOrEqual(4)
        await child.ended()
      }
      const last = await startWorker(url)
      expect(await killed).toMatch(/Task killer came back 4 times without an end: maxDeliveries is 3/)
      await lanes
      const { broker } = await app.client()
      expect((await listDead(broker, 'tasks')).map(({ task, id, reason }) => [task, id, reason.code])).toEqual([
        ['killer', killer.id, 'DELIVERIES_EXHAUSTED'],
      ])
      expect(last.exit).toBeUndefined()
    },
  )
})
