import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { Connection } from '../../src/app/connection.ts'
import type { Client } from '../../src/app/send.ts'
import { LovageError } from '../../src/base/errors.ts'
import { lovage } from '../../src/index.ts'

/** Broker and backend that write down what is done to them. */
function recorded(done: string[], start: () => Promise<void> = async () => {}): Client {
  const service = (name: string, first: () => Promise<void>): unknown => ({
    start: async () => {
      done.push(`start ${name}`)
      await first()
    },
    stop: async () => void done.push(`stop ${name}`),
  })
  return { broker: service('broker', start), backend: service('backend', async () => {}) } as Client
}

test('all who ask while it opens share one opening', async () => {
  const done: string[] = []
  const connection = new Connection(() => recorded(done))
  expect(connection.clientIfOpen()).toBeUndefined()
  const clients = await Promise.all([connection.client(), connection.client(), connection.client()])
  expect(new Set(clients).size).toBe(1)
  expect(done).toEqual(['start broker', 'start backend'])
  expect(connection.clientIfOpen()).toBe(clients[0])
})

test('an opening that failed is cleared away and can be tried again', async () => {
  const done: string[] = []
  const outcomes = [() => Promise.reject(new LovageError('BROKER_UNREACHABLE')), () => Promise.resolve()]
  const connection = new Connection(() => recorded(done, outcomes.shift()))
  const first = [connection.client(), connection.client()]
  for (const opening of first) await expect(opening).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE' })
  expect(done).toEqual(['start broker', 'stop backend', 'stop broker'])
  await connection.client()
  expect(done.slice(3)).toEqual(['start broker', 'start backend'])
})

test('closing stops the backend before the broker, once, and nothing opens after it', async () => {
  const done: string[] = []
  const connection = new Connection(() => recorded(done))
  await connection.client()
  await Promise.all([connection.close(), connection.close()])
  expect(done.slice(2)).toEqual(['stop backend', 'stop broker'])
  expect(connection.clientIfOpen()).toBeUndefined()
  await expect(connection.client()).rejects.toMatchObject({ code: 'BROKER_CLOSED' })
})

test('closing while it opens waits for the opening, then stops', async () => {
  const done: string[] = []
  let finish = (): void => {}
  const connection = new Connection(() => recorded(done, () => new Promise((resolve) => (finish = resolve))))
  const opening = connection.client()
  const closing = connection.close()
  finish()
  await Promise.all([opening, closing])
  expect(done).toEqual(['start broker', 'start backend', 'stop backend', 'stop broker'])
  expect(connection.clientIfOpen()).toBeUndefined()
})

test('closing what was never opened opens nothing', async () => {
  const connection = new Connection(() => expect.unreachable('it opened'))
  await connection.close()
})

test('an application whose URL nobody speaks says so at first use, naming those that are spoken', async () => {
  const app = lovage('test', { broker: 'kafka://user:secret@there' }, { env: {} })
  const error: unknown = await app.client().catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'URL_UNSUPPORTED', fix: expect.stringMatching(/amqp/) as string })
  expect(String((error as Error).message)).not.toMatch('secret')
  const other = lovage('test', { broker: 'memory://x', backend: 'kafka://there' }, { env: {} })
  await expect(other.client()).rejects.toMatchObject({
    code: 'URL_UNSUPPORTED',
    fix: expect.stringMatching(/rpc/) as string,
  })
})

test('two applications of one name in memory meet, of two names do not', async () => {
  const broker = `memory://${randomUUID()}`
  const [one, two, three] = ['one', 'two', 'three'].map((name, index) =>
    lovage(name, { broker: index < 2 ? broker : `${broker}3` }, { env: {} }),
  ) as [ReturnType<typeof lovage>, ReturnType<typeof lovage>, ReturnType<typeof lovage>]
  const { id } = await one.sendTask('t')
  await (await two.client()).backend.put({ id, state: 'SUCCESS', result: { value: 7 }, traceback: null }, {})
  expect(await two.asyncResult(id).get()).toBe(7)
  expect(await three.asyncResult(id).latest()).toBeUndefined()
  await Promise.all([one, two, three].map((app) => app.close()))
})

test('after close every call fails, and a name must be given', async () => {
  const app = lovage('test', { broker: `memory://${randomUUID()}` }, { env: {} })
  await app.sendTask('t')
  await app.close()
  await expect(app.sendTask('t')).rejects.toMatchObject({ code: 'BROKER_CLOSED' })
  await expect(app.client()).rejects.toMatchObject({ code: 'BROKER_CLOSED' })
  expect(() => lovage('')).toThrow(expect.objectContaining({ code: 'SETTING_INVALID' }) as Error)
})

test('a broker that cannot be reached is told to who calls, without its password, each time anew', async () => {
  const app = lovage('test', { broker: 'amqp://user:secret@127.0.0.1:1', connectTimeout: 200 }, { env: {} })
  for (let time = 0; time < 2; time++) {
    const error: unknown = await app.sendTask('t').catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'BROKER_UNREACHABLE' })
    expect(String(error)).not.toMatch('secret')
  }
  expect(app.counts()).toEqual({ sent: 0, failed: 2, unawaited: 0 })
  await app.close()
})
