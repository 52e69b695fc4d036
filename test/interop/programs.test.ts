import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Need } from '../../scripts/services.mjs'
import { type App, lovage } from '../../src/index.ts'
import { type Worker, worker } from '../../src/worker/worker.ts'
import { run } from '../cli/lovage.ts'
import { available, describeWith } from '../services/available.ts'
import type { Child } from '../services/child.ts'
import { startPython } from '../services/python.ts'
import { brokerUrl } from '../services/rabbitmq.ts'
import { RedisNode } from '../services/redis-node.ts'
import { PATIENT } from '../services/patience.ts'

const FILES = { 'remote.py': readFileSync(new URL('remote-control.py', import.meta.url), 'utf8') }
const LONG = { timeoutMs: 60_000 }
const ID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/

/** Messages that nobody reads, to be purged. */
const WASTED = 3

let redis: RedisNode
beforeAll(async () => {
  if (available('redis')) redis = await RedisNode.start()
})
afterAll(() => redis?.remove())

interface Place {
  readonly broker: string
  readonly backend: string
}

/** `call`, `result` and `purge` of either side, as processes of their own, beside a worker of the other side. */
function programs(name: string, needs: readonly Need[], meet: () => Promise<Place>): void {
  describeWith([...needs, 'celery'], name, () => {
    let place: Place
    let app: App
    let ours: Worker
    let theirs: Child

    const python = (args: readonly string[], queue = 'celery'): Child => {
      const env = { BROKER: place.broker, BACKEND: place.backend, QUEUE: queue }
      return startPython(['-m', 'celery', '-A', 'remote', ...args], { files: FILES, env })
    }

    const celery = async (...args: readonly string[]): Promise<string> => {
      const child = python(args)
      expect(await child.ended(LONG)).toMatchObject({ code: 0 })
      return child.lines.join('\n')
    }

    const cli = async (...args: readonly string[]): Promise<string> => {
      const env = { LOVAGE_BROKER_URL: place.broker, LOVAGE_RESULT_BACKEND: place.backend }
      const ended = await run(args, { env })
      expect(ended).toMatchObject({ code: 0 })
      return ended.text.trim()
    }

    const waste = async (): Promise<void> => {
      for (let nth = 0; nth < WASTED; nth++)
        await app.sendTask('nobody.runs', [nth], {}, { queue: 'waste', ignoreResult: true })
    }

    beforeAll(async () => {
      place = await meet()
      app = lovage('programs', { ...place, ...PATIENT }, { env: {} })
      app.task('ts.add', (x: number, y: number) => x + y)
      ours = worker(app, { hostname: 'w1@ours', concurrency: 2 })
      theirs = python(['worker', '-c', '1', '-P', 'solo', '-n', 'w2@theirs', '-Q', 'python', '-l', 'INFO'], 'python')
      await Promise.all([ours.start(), theirs.line(/ ready\./, LONG)])
    })

    afterAll(async () => {
      await theirs?.kill()
      await ours?.stop()
      await app?.close()
    })

    test('celery call, result and purge do their work with ours', { timeout: 240_000 }, async () => {
      const [id = ''] = ID.exec(await celery('call', 'ts.add', '-a', '[20, 22]')) ?? []
      expect(await app.asyncResult(id).get({ timeout: '60s' })).toBe(42)
      expect(await celery('result', id)).toMatch(/^42$/m)
      await waste()
      expect(await celery('purge', '-f', '-Q', 'waste')).toMatch(/Purged 3 messages/)
    })

    test('lovage call, result and purge do their work with theirs', { timeout: 240_000 }, async () => {
      expect(await cli('call', 'py.add', '20', '22', '--queue', 'python')).toBe('42')
      const id = await cli('call', 'py.add', '1', '2', '--queue', 'python', '--no-wait')
      expect(await app.asyncResult(id).get({ timeout: '60s' })).toBe(3)
      expect(await cli('result', id)).toBe('3')
      await waste()
      expect(await cli('purge', 'waste', '--yes')).toMatch(/\b3\b/)
      expect(await app.client().then(({ broker }) => broker.admin?.depth('waste'))).toMatchObject({ messages: 0 })
    })
  })
}

programs('programs over RabbitMQ with results in Redis', ['rabbitmq', 'redis'], async () => ({
  broker: await brokerUrl(import.meta.url),
  backend: redis.url(2),
}))
programs('programs over Redis', ['redis'], async () => ({ broker: redis.url(0), backend: redis.url(1) }))
