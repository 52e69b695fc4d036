import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { expect, onTestFinished, test } from 'vitest'
import { worker } from '../../src/worker/worker.ts'
import type { Gateway } from '../../src/gateway/gateway.ts'
import type { GatewayOptions } from '../../src/gateway/options.ts'
import { ask, openApp, openGateway, posting } from './open-gateway.ts'

/** A gateway that is not started, and a worker of its application. */
async function unstarted(options: GatewayOptions = {}): Promise<Gateway> {
  const app = openApp()
  const sum = app.task('sum', (x: number, y: number) => x + y)
  const echo = app.task('echo', (body: unknown) => body)
  const running = worker(app, { gracePeriod: 0 })
  onTestFinished(() => running.stop())
  await running.start()
  return openGateway(app, options)
    .get('/sum/:x/:y', sum, { args: ({ params }) => [Number(params.x), Number(params.y)] })
    .post('/echo', echo, { args: ({ body }) => [body] })
    .post('/later', echo, { args: ({ body }) => [body], reply: 'accept' })
    .handle('GET', '/', ({ url }) => `root ${url}`)
    .handle('GET', '/url', ({ url, headers }) => `${url} ${headers.host}`)
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close().closeAllConnections())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('as a plain function: data in, data out', async () => {
  const web = await unstarted()
  const { status, headers, body } = await web.mount.relay({ url: '/sum/2/3', headers: { host: 'any.example' } })
  expect([status, headers['content-type'], String(body)]).toEqual([
    200,
    'application/json; charset=utf-8',
    '{"results":5}',
  ])
  const echoed = await web.mount.relay({
    method: 'POST',
    url: '/echo',
    headers: { 'content-type': 'application/json' },
    body: '{"a":1}',
  })
  expect(String(echoed.body)).toBe('{"results":{"a":1}}')
})

test('as a middleware of Express, behind its parsers, beside its own routes', async () => {
  const web = await unstarted()
  const site = express()
  site.get('/own', (_request, response) => void response.send('own'))
  site.use('/raw', web.mount.express)
  site.use(express.json(), express.urlencoded({ extended: false }))
  site.use('/api', web.mount.express)
  site.use((_request, response) => void response.status(418).send('nobody'))
  const url = await listening(createServer(site))
  expect((await ask(`${url}/own`)).text).toBe('own')
  for (const place of ['raw', 'api']) {
    expect((await ask(`${url}/${place}/sum/2/3`)).text).toBe('{"results":5}')
    expect((await ask(`${url}/${place}/url?x=1`)).text).toBe(`/url?x=1 ${new URL(url).host}`)
    expect((await ask(`${url}/${place}/echo`, posting('{"a":[1,2]}'))).text).toBe('{"results":{"a":[1,2]}}')
    const form = posting('a=1&a=2&b=x+y', 'application/x-www-form-urlencoded')
    expect((await ask(`${url}/${place}/echo`, form)).text).toBe('{"results":{"a":["1","2"],"b":"x y"}}')
    expect((await ask(`${url}/${place}/later`, posting('1'))).status).toBe(place === 'raw' ? 202 : 400)
    expect((await ask(`${url}/${place}/nothing`)).status).toBe(418)
    expect((await ask(`${url}/${place}/sum/2/3`, { method: 'PUT' })).status).toBe(418)
    const forged = { ...posting('{}'), headers: { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' } }
    expect((await ask(`${url}/${place}/echo`, forged)).status).toBe(403)
  }
})

test('as a plugin of Fastify, under a prefix, beside routes and headers of its own', async () => {
  const web = await unstarted()
  const site = fastify()
  onTestFinished(() => site.close())
  site.addHook('onRequest', (_request, reply, next) => void (reply.header('x-mine', 'yes'), next()))
  site.get('/own', () => 'own')
  await site.register(web.mount.fastify, { prefix: '/api' })
  const url = await site.listen({ port: 0, host: '127.0.0.1' })
  expect((await ask(`${url}/own`)).text).toBe('own')
  const sum = await ask(`${url}/api/sum/2/3`)
  expect([sum.text, sum.headers.get('x-mine')]).toEqual(['{"results":5}', 'yes'])
  expect((await ask(`${url}/api/url?x=1`)).text).toBe(`/url?x=1 ${new URL(url).host}`)
  // The query right behind the prefix.
  for (const slash of ['', '/']) expect((await ask(`${url}/api${slash}?x=1`)).text).toBe('root /?x=1')
  expect((await ask(`${url}/api/echo`, posting('{"a":[1,2]}'))).text).toBe('{"results":{"a":[1,2]}}')
  expect((await ask(`${url}/api/nothing`)).status).toBe(404)
  expect((await ask(`${url}/sum/2/3`)).status).toBe(404)
})

test('as a fetch handler, in Hono and by itself', async () => {
  const web = await unstarted({ bodyLimit: 100 })
  const site = new Hono()
  site.get('/own', (context) => context.text('own'))
  site.mount('/api', web.mount.fetch)
  const at = async (path: string, init?: RequestInit): Promise<[number, string]> => {
    const response = await site.request(`http://shop.example${path}`, init)
    return [response.status, await response.text()]
  }
  expect(await at('/own')).toEqual([200, 'own'])
  expect(await at('/api/sum/2/3')).toEqual([200, '{"results":5}'])
  expect(await at('/api/url?x=1')).toEqual([200, '/url?x=1 shop.example'])
  expect(await at('/api/echo', posting('{"a":[1,2]}'))).toEqual([200, '{"results":{"a":[1,2]}}'])
  expect((await at('/api/echo', posting(JSON.stringify('x'.repeat(200)))))[0]).toBe(413)
  expect((await at('/api/nothing'))[0]).toBe(404)
  const accepted = await web.mount.fetch(new Request('http://shop.example/later', posting('1')))
  expect([accepted.status, accepted.headers.get('location')]).toEqual([202, expect.stringMatching(/^\/tasks\//)])
})

test('whoever gives up a fetch is not waited for', async () => {
  const app = openApp()
  const never = app.task('never', () => 1)
  const web = openGateway(app).get('/never', never)
  const gone = new AbortController()
  const asked = web.mount.fetch(new Request('http://shop.example/never', { signal: gone.signal }))
  await expect.poll(() => web.inFlight, { timeout: 60_000 }).toBe(1)
  gone.abort()
  await expect(asked).rejects.toThrow(/abort/i)
  await expect.poll(() => web.inFlight, { timeout: 60_000 }).toBe(0)
})

test('a gateway that listens checks the Host, although it is mounted elsewhere too', async () => {
  const web = await unstarted()
  await web.mount.relay({ url: '/sum/2/3', headers: { host: 'any.example' } })
  expect((await web.inject({ url: '/sum/2/3', headers: { host: 'any.example' } })).statusCode).toBe(421)
})
