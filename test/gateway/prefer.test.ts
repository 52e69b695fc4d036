import { expect, onTestFinished, test } from 'vitest'
import type { App } from '../../src/app/app.ts'
import type { Task } from '../../src/app/task.ts'
import { patienceOf } from '../../src/gateway/prefer.ts'
import { ask, openApp, openGateway, running, signal } from './open-gateway.ts'

const route = {
  patience: { waitMs: 10_000, thenAccept: false, applied: undefined },
  prefer: true,
  timeoutMs: 10_000,
}

test.each([
  ['wait=5', { waitMs: 5_000, thenAccept: true, applied: 'wait=5' }],
  ['WAIT = "5"; foo="a, b", handling=lenient', { waitMs: 5_000, thenAccept: true, applied: 'wait=5' }],
  ['return=minimal;x, wait=2, wait=7', { waitMs: 2_000, thenAccept: true, applied: 'wait=2' }],
  ['respond-async', { waitMs: 0, thenAccept: true, applied: 'respond-async' }],
  ['respond-async, wait=3', { waitMs: 3_000, thenAccept: true, applied: 'respond-async, wait=3' }],
  ['wait=0', { waitMs: 0, thenAccept: true, applied: 'wait=0' }],
  ['wait=86400', { waitMs: 10_000, thenAccept: true, applied: 'wait=10' }],
  [`wait=${'9'.repeat(400)}`, { waitMs: 10_000, thenAccept: true, applied: 'wait=10' }],
  ['wait=-1', route.patience],
  ['wait=1.5', route.patience],
  ['wait', route.patience],
  ['waiting=5, "wait=5"', route.patience],
  [`${'x'.repeat(2000)}, wait=5`, route.patience],
  ['', route.patience],
])('Prefer: %s', (header, patience) => {
  expect(patienceOf(route, header)).toEqual(patience)
})

test('a route that does not follow preferences has its own patience', () => {
  expect(patienceOf({ ...route, prefer: false }, 'wait=5')).toBe(route.patience)
})

/** A task that ends when the test says so; at the end of the test in any case. */
function gated(app: App): { task: Task<[], string>; open: () => void } {
  const gate = signal()
  onTestFinished(() => gate.fire())
  return { task: app.task('gated', () => gate.promise.then(() => 'done')), open: () => gate.fire() }
}

test('a wait that the client has shortened turns into a 202, and the task goes on', async () => {
  const app = openApp()
  const { task, open } = gated(app)
  const url = await running(app, openGateway(app, { timeout: '1m' }).get('/slow', task))
  const accepted = await ask(`${url}/slow`, { headers: { prefer: 'wait=1' } })
  expect(accepted.status).toBe(202)
  expect(accepted.headers.get('preference-applied')).toBe('wait=1')
  expect(accepted.headers.get('vary')).toBe('prefer')
  const location = accepted.headers.get('location') as string
  expect((await ask(url + location)).json).toMatchObject({ task: 'gated', ready: false })
  open()
  let state: Record<string, unknown> = {}
  while (!state['ready']) state = (await ask(url + location)).json as Record<string, unknown>
  expect(state).toMatchObject({ state: 'SUCCESS', result: 'done' })
})

test('respond-async is answered at once, a result in time with what was followed', async () => {
  const app = openApp()
  const { task, open } = gated(app)
  const url = await running(app, openGateway(app, { timeout: '1m' }).get('/slow', task))
  const accepted = await ask(`${url}/slow`, { headers: { prefer: 'respond-async' } })
  expect(accepted.status).toBe(202)
  expect(accepted.headers.get('preference-applied')).toBe('respond-async')
  open()
  const answer = await ask(`${url}/slow`, { headers: { prefer: 'wait=60' } })
  expect(answer.json).toEqual({ results: 'done' })
  expect(answer.headers.get('preference-applied')).toBe('wait=60')
})

test('a route can turn waits into 202 by itself', async () => {
  const app = openApp()
  const { task } = gated(app)
  const url = await running(app, openGateway(app).get('/slow', task, { waitThenAccept: 20 }))
  const accepted = await ask(`${url}/slow`)
  expect(accepted.status).toBe(202)
  expect(accepted.headers.get('preference-applied')).toBeNull()
  const { id } = accepted.json as { id: string }
  expect((await ask(`${url}/tasks/${id}`)).json).toMatchObject({ id, ready: false })
})

test('a route with a response of its own follows preferences only where it says so', async () => {
  const app = openApp()
  const secret = app.task('secret', () => ({ name: 'anna', password: '12345' }))
  const response = ({ name }: { name: string }): object => ({ name })
  const opened = openGateway(app).get('/shaped', secret, { response }).get('/open', secret, { response, prefer: true })
  const url = await running(app, opened)
  const prefer = { headers: { prefer: 'respond-async' } }
  expect(await ask(`${url}/shaped`, prefer)).toMatchObject({ status: 200, json: { name: 'anna' } })
  expect(await ask(`${url}/open`, prefer)).toMatchObject({ status: 202 })
})

test('a wait that cannot be is refused', () => {
  const app = openApp()
  const task = app.task('t', () => 1)
  const web = openGateway(app, { timeout: '10s' })
  expect(() => web.get('/a', task, { reply: 'accept', waitThenAccept: '1s' })).toThrow(
    "cannot stand beside reply: 'accept'",
  )
  expect(() => web.get('/a', task, { waitThenAccept: '11s' })).toThrow('is longer than the timeout of 10000 ms')
})
