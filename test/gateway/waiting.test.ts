import { Agent, get, type IncomingMessage } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import type { App } from '../../src/app/app.ts'
import type { Task } from '../../src/app/task.ts'
import { ask, loggedLines, openApp, openGateway, running, until } from './open-gateway.ts'
import { rawClient } from './raw-client.ts'

/** A task that ends when the test says so. */
function gated(app: App): { task: Task<[], string>; waits: (() => void)[] } {
  const waits: (() => void)[] = []
  const task = app.task('gated', () => new Promise<string>((resolve) => waits.push(() => resolve('done'))))
  return { task, waits }
}

test('200 requests that wait for tasks do not hold up a page', async () => {
  const app = openApp()
  const { task, waits } = gated(app)
  const opened = openGateway(app)
    .get('/lookup', task)
    .handle('GET', '/i_want_you_now', () => 'here I am')
  const url = await running(app, opened)
  const waiting = Array.from({ length: 200 }, () => ask(`${url}/lookup`))
  await until(() => opened.inFlight === 200)
  // All 200 wait, and none can end before the pages have been served.
  for (let page = 0; page < 50; page++) expect((await ask(`${url}/i_want_you_now`)).text).toBe('here I am')
  expect(opened.inFlight).toBe(200)
  // The worker takes ten at a time.
  await until(() => {
    for (const end of waits.splice(0)) end()
    return opened.inFlight === 0
  })
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(Array(200).fill(200))
})

test('a client that hangs up frees its place at once, and the line says so', async () => {
  const app = openApp()
  const { task, waits } = gated(app)
  const lines = loggedLines()
  const opened = openGateway(app, { maxInFlight: 2 }).get('/slow', task)
  const url = await running(app, opened)
  const clients = await Promise.all([rawClient(url), rawClient(url)])
  for (const client of clients) client.send('GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await until(() => waits.length === 2)
  expect((await ask(`${url}/slow`)).status).toBe(503)
  clients[0]?.socket.destroy()
  await until(() => opened.inFlight === 1)
  clients[1]?.socket.resetAndDestroy()
  await until(() => opened.inFlight === 0)
  const gone = lines.filter(({ fields }) => fields['status'] === 499)
  expect(gone).toHaveLength(2)
  expect(gone[0]?.fields).toMatchObject({ task: 'gated', id: expect.any(String) })
})

test('a result that was answered is not kept, so that memory does not grow with requests', async () => {
  const app = openApp({ backend: 'rpc://' })
  const one = app.task('one', () => 1)
  const url = await running(app, openGateway(app).get('/one', one, { response: (_value, { id }) => ({ id }) }))
  const { id } = (await ask(`${url}/one`)).json as { id: string }
  const { backend } = await app.client()
  await expect.poll(() => backend.get(id)).toBeUndefined()
})

test('many requests share one kept-alive connection', async () => {
  const app = openApp()
  const one = app.task('one', () => 1)
  const opened = openGateway(app).get('/one', one)
  const url = await running(app, opened)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  const ports = new Set<number | undefined>()
  for (let round = 0; round < 20; round++) {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      get(`${url}/one`, { agent }, resolve).on('error', reject)
    })
    ports.add(answer.socket.localPort)
    await new Promise((resolve) => answer.resume().on('end', resolve))
  }
  expect(ports.size).toBe(1)
})
