import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { ResultBackend } from '../../src/backend/backend.ts'
import { openBackend } from '../../src/backend/open.ts'
import type { Broker } from '../../src/broker/broker.ts'
import { openBroker } from '../../src/broker/open.ts'
import { payloadValue } from '../../src/protocol/outcome.ts'
import { success, told } from '../../src/testing/backend-suite.ts'
import { until, within } from '../../src/testing/broker/scene.ts'
import { type Child, startChild } from '../services/child.ts'
import { temporaryFolder } from '../services/temporary-folder.ts'

const folder = temporaryFolder()
const place = (): string => `embedded://${join(folder, randomUUID())}`

const opened: (Broker | ResultBackend)[] = []
const children: Child[] = []
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.kill()))
  for (const one of opened.splice(0).reverse()) await one.stop()
})

async function pair(url: string, options = {}): Promise<{ broker: Broker; backend: ResultBackend }> {
  // A new owner begins late on a machine that does much else.
  const broker = openBroker(url, { connectTimeoutMs: 60_000 })
  const backend = openBackend(url, { broker, ...options })
  opened.push(broker, backend)
  await broker.start()
  await backend.start()
  return { broker, backend }
}

async function ownerElsewhere(url: string): Promise<Child> {
  const child = startChild('node', ['scripts/run-ts.mjs', 'test/broker/embedded-client-process.ts', url])
  children.push(child)
  await child.line('ready', { timeoutMs: 30_000 })
  return child
}

test('a final outcome outlives all processes, one that is not final does not', async () => {
  const url = place()
  const first = await pair(url)
  await first.backend.put({ ...success('done', [1, 'two']), runMs: 3 }, {})
  await first.backend.put(told('began', 'STARTED', {}), {})
  expect((await first.backend.get('began'))?.state).toBe('STARTED')
  await first.backend.stop()
  await first.broker.stop()
  const second = await pair(url)
  const kept = await second.backend.get('done')
  expect(kept).toMatchObject({ id: 'done', state: 'SUCCESS', runMs: 3 })
  expect(kept && payloadValue(kept.result)).toEqual([1, 'two'])
  expect(await second.backend.get('began')).toBeUndefined()
  const late = await second.backend.expect('done')
  expect((await within('it is told', late.done)).state).toBe('SUCCESS')
})

test('what was forgotten stays forgotten', async () => {
  const url = place()
  const first = await pair(url)
  await first.backend.put(success('gone', 1), {})
  await first.backend.forget('gone')
  await first.backend.stop()
  await first.broker.stop()
  expect(await (await pair(url)).backend.get('gone')).toBeUndefined()
})

test('an outcome is kept for its time, also over a restart', async () => {
  const url = place()
  const first = await pair(url, { resultExpiresMs: 1_500 })
  await first.backend.put(success('short', 1), {})
  expect(await first.backend.get('short')).toBeDefined()
  await first.backend.stop()
  await first.broker.stop()
  const second = await pair(url)
  await until('its time has passed', async () => (await second.backend.get('short')) === undefined)
})

test('who waits while the owner dies has the outcome in the end', async () => {
  const url = place()
  const owner = await ownerElsewhere(url)
  const client = await pair(url)
  const expectation = await client.backend.expect('late')
  const worker = await pair(url)
  await owner.kill()
  await worker.backend.put(success('late', 'here'), {})
  expect(payloadValue((await within('it is told', expectation.done)).result)).toBe('here')
  expect(client.backend.waiting).toBe(0)
})

test('an outcome that was put before the owner died is told by the next one', async () => {
  const url = place()
  const owner = await ownerElsewhere(url)
  const worker = await pair(url)
  await worker.backend.put(success('kept', 'here'), {})
  await owner.kill()
  const client = await pair(url)
  const expectation = await client.backend.expect('kept')
  expect(payloadValue((await within('it is told', expectation.done)).result)).toBe('here')
})
