import { readFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { currentTask, lovage, retry } from '../../src/index.ts'
import { worker } from '../../src/worker/worker.ts'
import { describeWith } from '../services/available.ts'
import { startPython } from '../services/python.ts'
import { brokerUrl } from '../services/rabbitmq.ts'
import { PATIENT } from '../services/patience.ts'

/** What a run of the task that hops saw of its message. */
interface Hop {
  readonly id: string
  readonly retries: number
  /** Epoch ms; NaN in the first run. */
  readonly etaMs: number
  readonly atMs: number
  readonly parentId: string | null
  readonly rootId: string | null
}

const files = { 'interop.py': readFileSync(new URL('celery-app.py', import.meta.url), 'utf8') }

describeWith(['rabbitmq', 'celery'], 'a task that is retried', () => {
  let broker: string
  beforeAll(async () => {
    broker = await brokerUrl(import.meta.url)
  })

  test('goes on from here in Python, and from Python here: one id, one count, times that are kept', async () => {
    const hops: Hop[] = []
    const app = lovage('retries', { broker, backend: 'rpc://', defaultQueue: 'hops', ...PATIENT }, { env: {} })
    const task = app.task('shared.hop', { maxRetries: 5, trackStarted: true }, (label: string) => {
      const { id, retries, request } = currentTask()
      const { parentId, rootId } = request
      hops.push({ id, retries, parentId, rootId, etaMs: Date.parse(request.eta ?? ''), atMs: Date.now() })
      // Long enough that the first worker is gone before it is due.
      if (retries < 2) throw retry({ countdown: '10s' })
      return `${label} here`
    })
    try {
      const result = await task.delay('told')
      const states: string[] = []
      result.onUpdate(({ state }) => states.push(state))
      const first = worker(app, { hostname: 'first' })
      await first.start()
      await expect.poll(() => first.stats().retried, { timeout: 60_000 }).toBe(1)
      await first.stop()

      const args = ['-m', 'celery', '-A', 'interop', 'worker', '-P', 'solo', '-Q', 'hops', '-l', 'INFO']
      const python = startPython(args, { files, env: { BROKER: broker, BACKEND: 'rpc://' } })
      const line = await python.line('HOP ', { timeoutMs: 60_000 })
      await python.line(/Retry in 5\.5s/, { timeoutMs: 60_000 })
      // The line is written before the first message is acknowledged, and this worker does one thing after the other.
      expect(await app.control.ping({ limit: 1, timeout: '60s' })).toHaveLength(1)
      await python.stop()
      const there = JSON.parse(line.slice(line.indexOf('HOP ') + 4)) as Record<string, never>
      const [begun] = hops as [Hop]
      expect(there).toMatchObject({
        id: result.id,
        retries: 1,
        root_id: begun.rootId,
        parent_id: result.id,
        label: 'told',
      })
      expect(Date.parse(there['eta'] as unknown as string)).toBeGreaterThanOrEqual(begun.atMs + 10_000)
      expect(Math.ceil(Number(there['at']) * 1_000)).toBeGreaterThanOrEqual(
        Date.parse(there['eta'] as unknown as string),
      )

      const second = worker(app, { hostname: 'second' })
      await second.start()
      expect(await result.get({ timeout: '60s' })).toBe('told here')
      await second.stop()
      const last = hops.at(-1) as Hop
      expect(last).toMatchObject({ id: result.id, retries: 2, rootId: begun.rootId, parentId: result.id })
      expect(last.etaMs).toBeGreaterThanOrEqual(Math.floor(Number(there['at']) * 1_000 + 5_500))
      expect(last.atMs).toBeGreaterThanOrEqual(last.etaMs)
      expect(hops.map((hop) => hop.retries)).toEqual([0, 2])
      expect(states.filter((state) => state === 'RETRY')).toHaveLength(2)
    } finally {
      await app.close()
    }
  }, 300_000)
})
