import { expect, test } from 'vitest'
import { respond } from '../../src/gateway/gateway.ts'
import { ask, openApp, openGateway, posting, running } from './open-gateway.ts'

test('a guard lets requests pass, or answers them before anything is sent', async () => {
  const app = openApp()
  const ran: string[] = []
  const note = app.task('note', (word: string) => ran.push(word))
  const guard = async ({ headers }: { headers: Readonly<Record<string, unknown>> }): Promise<unknown> =>
    headers['x-key'] === 'right' ? undefined : respond(403, { error: 'wrong key' })
  const url = await running(app, openGateway(app).post('/note', note, { guard, args: ({ body }) => [String(body)] }))

  const refused = await ask(`${url}/note`, posting('forged', 'text/plain'))
  expect(refused).toMatchObject({ status: 403, json: { error: 'wrong key' } })
  const init = { method: 'POST', body: 'good', headers: { 'content-type': 'text/plain', 'x-key': 'right' } }
  expect(await ask(`${url}/note`, init)).toMatchObject({ status: 200, json: { results: 1 } })
  expect(ran).toEqual(['good'])
})

test('a guard that answers with a value is dressed as the response of the route', async () => {
  const app = openApp()
  const never = app.task('never', () => 'ran')
  const url = await running(app, openGateway(app).get('/', never, { guard: () => '<no/>', contentType: 'text/xml' }))
  const { status, text, headers } = await ask(url)
  expect([status, text, headers.get('content-type')]).toEqual([200, '<no/>', 'text/xml'])
})

test.each(['throws', 'rejects'])(
  'a guard that %s is answered with 500, nothing is sent, and the gateway lives on',
  async (how) => {
    const app = openApp()
    const ran: string[] = []
    const note = app.task('note', () => ran.push('ran'))
    const guard = (): unknown => {
      if (how === 'throws') throw new Error('secret of the inside')
      return Promise.reject(new Error('secret of the inside'))
    }
    const opened = openGateway(app).get('/', note, { guard })
    const url = await running(app, opened)
    const { status, text } = await ask(url)
    expect(status).toBe(500)
    expect(text).not.toContain('secret')
    expect((await ask(`${url}/healthz`)).status).toBe(200)
    expect([ran, opened.inFlight]).toEqual([[], 0])
  },
)

test('a route may say itself what is answered when the wait was too long; the task goes on', async () => {
  const app = openApp()
  let finish!: () => void
  const slow = app.task('slow', () => new Promise<void>((resolve) => (finish = resolve)))
  const late = ({ id, request }: { id: string; request: { url: string } }): unknown =>
    respond(200, `${request.url} ${id}`)
  const url = await running(app, openGateway(app).get('/slow', slow, { timeout: '50ms', deadline: false, late }))
  const { status, text } = await ask(`${url}/slow`)
  expect([status, text.split(' ')[0]]).toEqual([200, '/slow'])
  finish()
  await app.asyncResult(text.split(' ')[1] as string).get({ timeout: '60s' })
})

test('what goes wrong in that is a 500', async () => {
  const app = openApp()
  const slow = app.task('slow', () => new Promise<void>(() => {}))
  const late = (): never => {
    throw new Error('secret of the inside')
  }
  const opened = openGateway(app).get('/slow', slow, { timeout: '50ms', late })
  const { status, text } = await ask(`${await running(app, opened)}/slow`)
  expect(status).toBe(500)
  expect(text).not.toContain('secret')
  expect(opened.inFlight).toBe(0)
})
