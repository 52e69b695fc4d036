import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import type { WorkerOptions } from '../../src/worker/worker.ts'
import { brokerUrl } from '../services/rabbitmq.ts'
import { PATIENT } from '../services/patience.ts'
import { Bench } from './bench.ts'
import { define } from './two-pools-tasks.ts'

const module = fileURLToPath(new URL('two-pools-tasks.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'lovage-two-pools-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
/** A file that is not there until somebody opens the gate. */
function gate(): { path: string; open: () => void } {
  const path = join(folder, String(files++))
  return { path, open: () => writeFileSync(path, '') }
}

const patience = { timeout: 60_000, interval: 20 }

describe('full slots of one pool do not starve another', () => {
  for (const [name, settings] of [
    ['in memory', async () => ({})],
    ['on RabbitMQ', async () => ({ ...PATIENT, broker: await brokerUrl(import.meta.url) })],
  ] as const) {
    test(`${name}: 20 tasks for the loop end at once behind 200 that compute`, { timeout: 60_000 }, async () => {
      await using bench = new Bench(await settings())
      define(bench.app, 'threads')
      const { path, open } = gate()
      for (let index = 0; index < 200; index++) await bench.publish({ task: 'busy' }, [path])
      for (let index = 0; index < 20; index++) await bench.publish({ task: 'light' })
      const made = await bench.worker({ concurrency: 4, pools: { threads: 1 }, module })
      await expect.poll(() => made.stats().succeeded, patience).toBe(20)
      expect(made.stats()).toMatchObject({ running: 1 })
      expect(made.stats().waiting).toBeGreaterThanOrEqual(199)
      open()
      await expect.poll(() => made.stats(), patience).toMatchObject({ succeeded: 220, waiting: 0, running: 0 })
      expect(await bench.depth()).toBe(0)
    })
  }

  test('up to the high water mark: no more wait in memory, and the rest is read as they are done', async () => {
    await using bench = new Bench()
    define(bench.app, 'threads')
    const { path, open } = gate()
    for (let index = 0; index < 100; index++) await bench.publish({ task: 'busy' }, [path])
    await bench.publish({ task: 'light' })
    const options: WorkerOptions = { concurrency: 2, pools: { threads: 1 }, module, highWater: 30, lowWater: 10 }
    const made = await bench.worker(options)
    await expect.poll(() => made.stats().waiting, patience).toBeGreaterThanOrEqual(30)
    // As many as may come before the mark is seen: the free slots, and one more.
    expect(made.stats().waiting).toBeLessThanOrEqual(30 + 3)
    expect(made.stats()).toMatchObject({ succeeded: 0, running: 1 })
    open()
    await expect.poll(() => made.stats(), patience).toMatchObject({ succeeded: 101, waiting: 0 })
  })

  test('with fair no message is taken that cannot start', async () => {
    await using bench = new Bench()
    define(bench.app, 'threads')
    const { path, open } = gate()
    for (let index = 0; index < 5; index++) await bench.publish({ task: 'busy' }, [path])
    const made = await bench.worker({ pool: 'threads', concurrency: 2, module, fair: true })
    await expect.poll(() => made.stats(), patience).toMatchObject({ running: 2, waiting: 0, received: 2 })
    expect(await bench.depth()).toBe(3)
    open()
    await expect.poll(() => made.stats(), patience).toMatchObject({ succeeded: 5 })
  })
})

describe('a task that is revoked while it runs', () => {
  test('in a thread that does not listen: the thread is ended, the task REVOKED, the message acknowledged', async () => {
    await using bench = new Bench()
    define(bench.app, 'threads')
    const { path, open } = gate()
    const made = await bench.worker({ pool: 'threads', concurrency: 1, module })
    const { id } = await bench.publish({ task: 'busy' }, [path])
    await expect.poll(() => made.active(), patience).toMatchObject([{ id }])
    expect(made.revoke(id, { terminate: true })).toEqual([id])
    await expect.poll(() => made.stats(), patience).toMatchObject({ revoked: 1, running: 0 })
    expect(await bench.ending(id)).toEqual({ state: 'REVOKED', excType: 'TaskRevokedError', args: ['terminated'] })
    const next = gate()
    next.open()
    await bench.publish({ task: 'busy' }, [next.path])
    await expect.poll(() => made.stats(), patience).toMatchObject({ succeeded: 1, dead: 0 })
    expect(await bench.depth()).toBe(0)
    open()
  })

  test('in a process with others: they are run again, and end', async () => {
    await using bench = new Bench()
    define(bench.app, 'processes')
    const [innocent, guilty] = [gate(), gate()]
    const made = await bench.worker({ pool: 'processes', concurrency: 1, perChild: 4, module })
    const ids: string[] = []
    for (let index = 0; index < 3; index++) ids.push((await bench.publish({ task: 'until' }, [innocent.path])).id)
    await expect.poll(() => made.stats().started, patience).toBe(3)
    const { id } = await bench.publish({ task: 'busy' }, [guilty.path])
    await expect.poll(() => made.stats().running, patience).toBe(4)
    made.revoke(id, { terminate: true })
    innocent.open()
    await expect.poll(() => made.stats(), patience).toMatchObject({ succeeded: 3, revoked: 1, running: 0 })
    for (const one of ids) expect(await bench.ending(one)).toMatchObject({ state: 'SUCCESS' })
    expect(await bench.ending(id)).toMatchObject({ state: 'REVOKED', args: ['terminated'] })
    expect(await bench.dead()).toEqual([])
  })
})

test('a pool of threads grows and shrinks with what there is to do', async () => {
  await using bench = new Bench()
  define(bench.app, 'threads')
  const { path, open } = gate()
  const autoscale = { max: 3, min: 1, keepalive: 0 }
  const made = await bench.worker({ pool: 'threads', autoscale, module })
  for (let index = 0; index < 6; index++) await bench.publish({ task: 'busy' }, [path])
  await expect.poll(() => made.stats(), patience).toMatchObject({ running: 3, waiting: 1 })
  open()
  await expect.poll(() => bench.logged('pool is resized').at(-1), patience).toMatchObject({ to: 1 })
  await expect.poll(() => made.stats(), patience).toMatchObject({ succeeded: 6, running: 0 })
})
