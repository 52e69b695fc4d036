import { expect, test } from 'vitest'
import { currentTask } from '../../src/index.ts'
import { capturedTasks, messageOf } from '../protocol/captured.ts'
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
  await expect.poll(() => [...seen.keys()], { timeout: 60_000 }).toHaveLength(5)
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

test('Stamps as Celery 5.6.3 has sent them are read, and pass on to the callback and the next step', async () => {
  await using made = new Canvas()
  const seen: [string, readonly unknown[], Stamped][] = []
  const look = (): void => {
    const { name, args, request } = currentTask()
    seen.push([name, args, { stamps: request.stamps, names: request.stampedHeaders }])
  }
  made.app.task('captasks.add', (x: number, y: number) => (look(), x + y))
  made.app.task('captasks.callback', (_value: unknown) => look())
  await made.worker()
  const { broker } = await made.app.client()
  const captured = capturedTasks('5.6.3').filter(({ case: name }) => name.startsWith('stamped'))
  expect(captured.map(({ case: name }) => name)).toEqual(['stamped', 'stamped_chain', 'stamped_group', 'stamped_group'])
  // Nobody waits where the results of the captures were to go.
  for (const one of captured) {
    await broker.publish({ ...messageOf(one), replyTo: undefined }, { exchange: '', routingKey: 'celery' })
  }
  await expect.poll(() => seen, { timeout: 60_000 }).toHaveLength(6)
  const few = { stamps: { monitoring_id: [1, 2], mtask_id: 'm-1' }, names: ['monitoring_id', 'mtask_id'] }
  const all = { stamps: { batch: 'b7', ...few.stamps }, names: ['batch', ...few.names] }
  expect(seen).toEqual(
    expect.arrayContaining([
      ['captasks.add', [1, 2], few],
      ['captasks.add', [1, 1], all],
      ['captasks.callback', [2], all],
      ['captasks.add', [2, 2], all],
      ['captasks.add', [1, 1], few],
      ['captasks.add', [2, 2], few],
    ]),
  )
})
