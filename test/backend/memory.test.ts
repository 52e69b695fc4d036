import { expect, test } from 'vitest'
import { openBackend } from '../../src/backend/open.ts'
import type { ResultBackend } from '../../src/backend/backend.ts'
import { openBroker } from '../../src/broker/open.ts'
import type { Clock } from '../../src/base/clock.ts'
import { success, told } from '../../src/testing/backend-suite.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

async function started(
  clock: Clock,
  options: { maxPendingResults?: number; name?: string } = {},
): Promise<ResultBackend> {
  const { name = 'test', ...limits } = options
  const broker = openBroker('memory://unused')
  const backend = openBackend(`memory://${name}`, { broker, clock, resultExpiresMs: 1_000, ...limits })
  await backend.start()
  return backend
}

test('a result is kept for its time, counted from when it was last written', async () => {
  const clock = new VirtualClock()
  const backend = await started(clock)
  await backend.put(told('a', 'STARTED', {}), {})
  clock.advance(900)
  await backend.put(success('a', 1), {})
  clock.advance(999)
  expect((await backend.get('a'))?.state).toBe('SUCCESS')
  clock.advance(1)
  expect(await backend.get('a')).toBeUndefined()
})

test('results are bounded: the one that was written longest ago goes first', async () => {
  const backend = await started(new VirtualClock(), { maxPendingResults: 2 })
  for (const id of ['a', 'b', 'c']) await backend.put(success(id, id), {})
  expect(await backend.get('a')).toBeUndefined()
  expect((await backend.get('b'))?.state).toBe('SUCCESS')
  expect((await backend.get('c'))?.state).toBe('SUCCESS')
})

test('what a task goes on changing after it returned does not change its result', async () => {
  const backend = await started(new VirtualClock())
  const value = { list: [1] }
  await backend.put(success('a', value), {})
  value.list.push(2)
  expect(await backend.get('a')).toMatchObject({ result: { text: '{"list": [1]}' } })
})

test('backends of one name meet, those of another name or another time do not', async () => {
  const clock = new VirtualClock()
  const one = await started(clock)
  await one.put(success('a', 1), {})
  expect((await (await started(clock)).get('a'))?.state).toBe('SUCCESS')
  expect(await (await started(clock, { name: 'other' })).get('a')).toBeUndefined()
  expect(await (await started(new VirtualClock())).get('a')).toBeUndefined()
})

test('a result outlives the backend that wrote it', async () => {
  const clock = new VirtualClock()
  const worker = await started(clock)
  await worker.put(success('a', 1), {})
  await worker.stop()
  expect((await (await started(clock)).get('a'))?.state).toBe('SUCCESS')
})
