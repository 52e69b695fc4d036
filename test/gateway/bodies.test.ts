import { request } from 'node:http'
import { expect, test } from 'vitest'
import { ask, openApp, openGateway, posting, running, started, type Answer } from './open-gateway.ts'

/** Answers with what the gateway made of a body. */
async function echoing(): Promise<(body: NonNullable<RequestInit['body']>, type?: string) => Promise<Answer>> {
  const opened = openGateway(openApp(), { bodyLimit: 10_000 })
    .handle('POST', '/echo', ({ body, raw }) => ({
      kind: body instanceof Buffer ? 'bytes' : typeof body,
      body: body instanceof Buffer ? body.toString('latin1') : body,
      raw: raw.toString('latin1'),
    }))
    .handle('POST', '/raw', ({ body, raw }) => ({ same: body === raw, raw: raw.toString('latin1') }), { body: 'raw' })
    .handle('POST', '/small', () => 'fine', { bodyLimit: 3 })
  const url = await started(opened)
  return (body, type) => ask(`${url}/echo`, posting(body, type))
}

test('JSON is read, integers beyond 2^53 without losing a digit', async () => {
  const app = openApp()
  const next = app.task('next', (id: number | bigint) => BigInt(id) + 1n)
  const opened = openGateway(app).post('/next', next, { args: ({ body }) => [(body as { id: bigint }).id] })
  const url = await running(app, opened)
  expect((await ask(`${url}/next`, posting('{"id": 123456789012345678901234567890}'))).text).toBe(
    '{"results":123456789012345678901234567891}',
  )
})

test.each([
  ['application/json', '{"a": [1, "ü"]}', 'object', { a: [1, 'ü'] }],
  ['application/json; charset=utf-8', '"text"', 'string', 'text'],
  ['application/problem+json', '[1]', 'object', [1]],
  ['application/json', '', 'undefined', undefined],
  [
    'application/x-www-form-urlencoded',
    'a=1&b=x+y&b=%C3%BC&c&=d&&',
    'object',
    { a: '1', b: ['x y', 'ü'], c: '', '': 'd' },
  ],
  ['text/plain', 'grüße', 'string', 'grüße'],
  ['text/xml', '<xml>世界</xml>', 'string', '<xml>世界</xml>'],
  ['application/xml', '<xml/>', 'string', '<xml/>'],
  ['application/soap+xml', '<xml/>', 'string', '<xml/>'],
  ['application/octet-stream', 'abc', 'bytes', 'abc'],
])('a body of %s (%j) is read as it should be', async (type, text, kind, body) => {
  const echo = await echoing()
  expect((await echo(text, type)).json).toEqual({
    kind,
    ...(body === undefined ? undefined : { body }),
    raw: Buffer.from(text).toString('latin1'),
  })
})

test('text in a character set of its own is read in that', async () => {
  const echo = await echoing()
  const gbk = new Uint8Array([0xc4, 0xe3, 0xba, 0xc3])
  expect((await echo(gbk, 'text/xml; charset=gbk')).json).toMatchObject({ body: '你好' })
  expect((await echo(gbk, 'text/xml; charset="utf-8"')).status).toBe(400)
  expect((await echo(gbk, 'text/xml; charset=klingon')).status).toBe(415)
  expect((await echo(new Uint8Array([0, 0xd8]), 'text/plain; charset=utf-16le')).status).toBe(400)
})

test.each([
  ['that ends too early', '{"a":', /^.*JSON: (?:Unexpected end|Expected)/],
  ['that is none', 'a=1', /Unexpected token/],
  ['that says NaN', '[NaN, 12345678901234567890]', /Unexpected token/],
  ['that is not UTF-8', new Uint8Array([0x22, 0xff, 0x22]), /it is not UTF-8/],
  ['that would change every object', '{"__proto__": {"admin": true}}', /__proto__/],
  ['that would do so in disguise', '{"\\u005f_proto__": {"admin": true}}', /__proto__/],
  ['with a number of endless digits', `[${'9'.repeat(5000)}]`, /digits/],
])('JSON %s is a 400 that says why', async (_name, body, reason) => {
  const answer = await (await echoing())(body)
  expect(answer.status).toBe(400)
  expect(answer.json).toMatchObject({ error: { code: 'BODY_INVALID', message: expect.stringMatching(reason) } })
})

test.each([
  ['with an escape that is no character', 'a=%ff'],
  ['with half an escape', 'a=%e4%b8'],
  ['that is not UTF-8', new Uint8Array([0x61, 0x3d, 0xff])],
  ['with too many fields', '&'.repeat(10_000)],
])('a form %s is a 400', async (_name, body) => {
  const opened = openGateway(openApp()).handle('POST', '/echo', ({ body: fields }) => fields)
  const answer = await ask(`${await started(opened)}/echo`, posting(body, 'application/x-www-form-urlencoded'))
  expect(answer.json).toMatchObject({ error: { code: 'BODY_INVALID' } })
  expect(answer.status).toBe(400)
})

test('a form cannot reach the prototype of anything', async () => {
  const echo = await echoing()
  await echo('__proto__=x&__proto__.y=z&constructor=c', 'application/x-www-form-urlencoded')
  expect(({} as Record<string, unknown>)['y']).toBeUndefined()
})

test.each(['image/png', 'multipart/form-data; boundary=x', 'application/msgpack', 'nonsense', 'application/'])(
  'a body of %s is a 415, unless the route takes it raw',
  async (type) => {
    const opened = openGateway(openApp())
      .handle('POST', '/echo', ({ body }) => body)
      .handle('POST', '/raw', ({ body, raw }) => ({ same: body === raw, length: raw.length }), { body: 'raw' })
    const url = await started(opened)
    expect((await ask(`${url}/echo`, posting('abc', type))).json).toMatchObject({
      error: { code: 'MEDIA_TYPE_UNSUPPORTED' },
    })
    expect((await ask(`${url}/raw`, posting('abc', type))).json).toEqual(
      type === 'nonsense' || type === 'application/'
        ? { error: expect.objectContaining({ code: 'MEDIA_TYPE_UNSUPPORTED' }) }
        : { same: true, length: 3 },
    )
  },
)

test('a body without a type is bytes', async () => {
  const opened = openGateway(openApp()).handle('POST', '/echo', ({ body }) => (body as Buffer).toString())
  const url = new URL(await started(opened))
  const text = await new Promise<string>((resolve, reject) => {
    const sent = request({ port: url.port, path: '/echo', method: 'POST' }, (answer) => {
      answer.setEncoding('utf8').on('data', resolve)
    })
    sent.on('error', reject).end('abc')
  })
  expect(text).toBe('abc')
})

test('a body beyond the limit is a 413, whether its length is announced or not', async () => {
  const opened = openGateway(openApp(), { bodyLimit: 1000 })
    .handle('POST', '/echo', () => 'fine')
    .handle('POST', '/small', () => 'fine', { bodyLimit: 3 })
  const url = await started(opened)
  const error = { code: 'BODY_TOO_LARGE', message: 'The request body is larger than 1000 bytes' }
  expect((await ask(`${url}/echo`, posting('x'.repeat(1000), 'text/plain'))).status).toBe(200)
  expect((await ask(`${url}/echo`, posting('x'.repeat(1001), 'text/plain'))).json).toEqual({ error })
  const stream = { ...posting(new Blob(['x'.repeat(5000)]).stream(), 'text/plain'), duplex: 'half' } as RequestInit
  expect((await ask(`${url}/echo`, stream)).json).toEqual({ error })
  expect((await ask(`${url}/small`, posting('abcd', 'text/plain'))).status).toBe(413)
})

test('10 MB against a limit of 1 MiB are a 413 that arrives, and the connection lives on', async () => {
  const opened = openGateway(openApp()).handle('POST', '/echo', () => 'fine')
  const url = await started(opened)
  for (let round = 0; round < 3; round++) {
    expect((await ask(`${url}/echo`, posting('x'.repeat(10_000_000), 'text/plain'))).status).toBe(413)
  }
  expect((await ask(`${url}/echo`, posting('x', 'text/plain'))).status).toBe(200)
})
