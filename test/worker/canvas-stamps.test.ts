import { expect, test } from 'vitest'
import { currentTask } from '../../src/index.ts'
import { Canvas, sig } from './canvas-bench.ts'

/** What a task saw of its stamps. */
interface Stamped {
  readonly stamps: unknown
  readonly names: unknown
}

test('Stamps that Celery has put on a task are read, and pass on to what follows it, whatever comes of it', async () => {
  await using made = new Canvas()
  const seen = new Map<string, Stamped>()
  const look = (): void => {
    const { id, name, request } = currentTask()
    seen.set(`${name} ${id}`, { stamps: request.stamps, names: request.stampedHeaders })
  }
  made.app.task('look', (_given?: unknown) => look())
  made.app.task('breaks', () => {
    look()
    throw new TypeError('boom')
  })
  await made.worker()
  const stamped = { stamps: { tenant: 'acme', trace: ['t1'] }, stampedHeaders: ['tenant', 'trace'] }
  const own = { stamped_headers: ['step'], step: 2, task_id: 'next' }
  const embed = { callbacks: [sig('look', [], { task_id: 'callback' })], chain: [sig('look', [], own)] }
  await made.start('look', [0], embed, { id: 'first', ...stamped })
  await made.start('breaks', [], { errbacks: [sig('look', [], { task_id: 'errback' })] }, { id: 'broken', ...stamped })
  await expect.poll(() => [...seen.keys()], { timeout: 8_000 }).toHaveLength(5)
  const passed = { stamps: stamped.stamps, names: ['tenant', 'trace'] }
  expect(seen.get('look first')).toEqual(passed)
  expect(seen.get('look callback')).toEqual(passed)
  expect(seen.get('look errback')).toEqual(passed)
  expect(seen.get('breaks broken')).toEqual(passed)
  expect(seen.get('look next')).toEqual({
    stamps: { ...stamped.stamps, step: 2 },
    names: ['tenant', 'trace', 'step'],
  })
})
