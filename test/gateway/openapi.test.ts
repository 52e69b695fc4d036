import { Validator } from '@seriousme/openapi-schema-validator'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import * as z from 'zod'
import type { Gateway } from '../../src/gateway/gateway.ts'
import { tornadoCelery } from '../../src/gateway/gateway.ts'
import type { GatewayOptions } from '../../src/gateway/options.ts'
import { ask, openApp, openGateway, started } from './open-gateway.ts'

function described(options: GatewayOptions = {}): Gateway {
  const app = openApp()
  const sum = app.task('sum', (x: number, y: number) => x + y)
  const greet = app.task('greet', { params: ['name', 'word?'] }, (name: string, word = 'hello') => `${word} ${name}`)
  const shape = z.object({ id: z.coerce.number(), size: z.enum(['s', 'm']), note: z.string().optional() })
  const order = app.task('order', { input: shape }, (input) => input)
  const check = app.task('check', { input: v.object({ a: v.string() }) }, (input) => input)
  return openGateway(app, options)
    .get('/sum/:x/:y', sum, { args: ({ params }) => [Number(params.x), Number(params.y)] })
    .get('/greet', greet)
    .post('/greet/:name', greet)
    .put('/orders/:id(\\d+)', order)
    .post('/later', order, { reply: 'accept' })
    .post('/check', check)
    .handle('GET', '/files/:name.:ext', () => 'a file')
    .handle('GET', '/maybe/:id?', () => 'maybe')
    .handle('DELETE', '/all/*', () => 'all')
    .use(tornadoCelery({ tasks: [sum] }))
}

test('the document is valid OpenAPI 3.1', async () => {
  const checked = await new Validator().validate({ ...described({ openapi: true, metrics: true }).openapi() })
  expect(checked).toEqual({ valid: true })
})

test('routes tell what is known of them: places, names, schemas', () => {
  const { paths, info } = described().openapi()
  expect(info.title).toBe('shop')
  expect(Object.keys(paths)).toEqual(
    expect.arrayContaining(['/sum/{x}/{y}', '/files/{name}.{ext}', '/maybe', '/maybe/{id}', '/all/{rest}', '/healthz']),
  )
  expect(paths['/sum/{x}/{y}']?.['get']).toMatchObject({ operationId: 'get_sum_x_y', summary: 'sum' })
  expect(paths['/greet']?.['get']).toMatchObject({
    parameters: [
      { name: 'name', in: 'query', required: true },
      { name: 'word', in: 'query', required: false },
    ],
  })
  expect(paths['/greet/{name}']?.['post']).toMatchObject({
    parameters: [{ name: 'name', in: 'path', required: true }],
    requestBody: { content: { 'application/json': { schema: { properties: { word: {} }, required: [] } } } },
  })
  expect(paths['/orders/{id}']?.['put']).toMatchObject({
    parameters: [{ name: 'id', in: 'path' }],
    requestBody: {
      content: {
        'application/json': {
          schema: { properties: { size: { enum: ['s', 'm'] }, note: { type: 'string' } }, required: ['size'] },
        },
      },
    },
    responses: { 200: { description: 'The result' } },
  })
  expect(paths['/later']?.['post']).toMatchObject({ responses: { 202: {}, default: {} } })
  expect(JSON.stringify(paths['/later']?.['post'])).not.toContain('"200"')
  // What a library cannot say of its schemas is left open.
  expect(paths['/check']?.['post']).toMatchObject({ requestBody: { content: { 'application/json': { schema: {} } } } })
})

test('it is served where that was asked for, and nowhere else', async () => {
  const url = await started(described({ openapi: true }))
  const answer = await ask(`${url}/openapi.json`)
  expect([answer.status, (answer.json as { openapi: string }).openapi]).toEqual([200, '3.1.0'])
  expect(Object.keys((answer.json as { paths: object }).paths)).toContain('/openapi.json')
  expect((await ask(`${await started(described())}/openapi.json`)).status).toBe(404)
})
