import { describe, expect, test } from 'vitest'
import { respond } from '../../src/gateway/gateway.ts'
import { ask, openApp, openGateway, running, started } from './open-gateway.ts'

const SPLIT = '%0d%0ax-evil:%201'

describe('A response that HTTP has no place for', () => {
  test.for(['sync', 'late', 'task', 'status'])(
    'is a fault of that request alone, from a route of kind %s',
    { timeout: 240_000 },
    async (kind) => {
      const app = openApp()
      const echo = app.task('echo', (to: string) => to)
      const moved = (to: string) => respond(302, '', { headers: { location: to } })
      const opened = openGateway(app)
        .handle('GET', '/sync', ({ query }) => moved(String(query['to'])))
        .handle('GET', '/late', async ({ query }) => moved(String(query['to'])))
        .handle('GET', '/status', async () => respond(9999, ''))
        .get('/task', echo, { args: ({ query }) => [String(query['to'])], response: moved })
      const url = await running(app, opened)
      const { status, headers, json } = await ask(`${url}/${kind}?to=${SPLIT}`)
      expect(status).toBe(500)
      expect(json).toMatchObject({ error: { code: 'HANDLER_FAILED' } })
      expect(headers.get('x-evil')).toBeNull()
      expect((await ask(`${url}/healthz`)).status).toBe(200)
    },
  )

  test('is refused where it is made, with the option and the fix', () => {
    expect(() => respond(200, '', { contentType: 'text/html\n' })).toThrow(/content-type/)
    expect(() => respond(200, '', { headers: { 'no name': '' } })).toThrow(/no name/)
    expect(() => respond(100)).toThrow(/status.*no status of a response/)
  })

  test('is refused when its route is bound', () => {
    const app = openApp()
    expect(() => openGateway(app).handle('GET', '/', () => '', { contentType: 'text/html\r\nx: y' })).toThrow(
      /contentType.*cannot stand in a header/,
    )
  })
})

test('A gateway that is started while it stops runs again', async () => {
  const opened = openGateway(openApp())
  await started(opened)
  const stopping = opened.stop()
  await opened.start()
  await stopping
  expect((await ask(`${opened.url}/healthz`)).status).toBe(200)
})
