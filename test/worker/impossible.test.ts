import { expect, test } from 'vitest'
import { Retry } from '../../src/app/control-flow.ts'
import { encodeBody, encodeTask, newRequest } from '../../src/protocol/task-message.ts'
import { Bench } from './bench.ts'

const LONG_ID = 'i'.repeat(300)

/** A message whose id is a text that no property has room for, as no client of ours sends it. */
async function sendUnaddressable(bench: Bench): Promise<void> {
  const request = newRequest({ id: LONG_ID, task: 't', body: encodeBody([], {}), replyTo: 'somebody' })
  const { correlationId: _, ...message } = encodeTask(request)
  await bench.send({ ...message, headers: { ...message.headers } })
}

test('A retry beyond the end of the calendar fails its task, once, and is kept in the dead letters', async () => {
  await using bench = new Bench()
  let runs = 0
  bench.app.task('t', () => {
    // The bound ends a worker that would run it for ever.
    if (++runs > 20) return
    throw new Retry({ delayMs: 1e300 })
  })
  const { id } = await bench.publish({ task: 't' })
  const made = await bench.worker()
  await expect.poll(() => bench.logged('task done')).toHaveLength(1)
  await made.stop()
  expect(runs).toBe(1)
  expect(await bench.ending(id)).toMatchObject({ state: 'FAILURE', excType: 'LovageError' })
  expect(await bench.dead()).toMatchObject([{ id, reason: { code: 'ENCODE_FAILED' } }])
  expect(await bench.depth()).toBe(0)
})

test('A retry that cannot be written as a message goes to the dead letters instead of being tried for ever', async () => {
  await using bench = new Bench()
  bench.app.task('t', () => {
    throw new Retry({ delayMs: 1000 })
  })
  await sendUnaddressable(bench)
  const made = await bench.worker()
  await expect.poll(() => bench.logged('task done')).toMatchObject([{ state: 'FAILURE', ending: 'dead' }])
  expect(await bench.dead()).toMatchObject([{ id: LONG_ID, reason: { code: 'ENCODE_FAILED' } }])
  await made.stop()
})

test('A result that cannot be addressed to anybody is told in the log, and its task is done', async () => {
  await using bench = new Bench({ backend: 'rpc://' })
  bench.app.task('t', () => 1)
  await sendUnaddressable(bench)
  const made = await bench.worker()
  await expect.poll(() => bench.logged('task done')).toHaveLength(1)
  expect(bench.logged('result cannot be sent')).toHaveLength(1)
  await made.stop()
  expect(await bench.depth()).toBe(0)
})
