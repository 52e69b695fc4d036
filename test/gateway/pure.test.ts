import fc from 'fast-check'
import { expect, test } from 'vitest'
import { loggedUrl } from '../../src/gateway/access-line.ts'
import { hostCheck } from '../../src/base/host-check.ts'
import { webJson } from '../../src/gateway/web-json.ts'

test.each([
  ['/a?x=1', '/a?x=1'],
  ['/a?token=abc', '/a?token=***'],
  ['/a?access_token=abc&x=1', '/a?access_token=***&x=1'],
  ['/a?Password=abc', '/a?Password=***'],
  ['/a?%74oken=abc', '/a?%74oken=***'],
  ['/a?%zz=abc&apiKey=1', '/a?%zz=abc&apiKey=***'],
  ['/a?signature=1&timestamp=2&nonce=3', '/a?signature=***&timestamp=2&nonce=***'],
  ['/a?code=1&zipcode=2', '/a?code=***&zipcode=2'],
  ['/a?token', '/a?token'],
  ['/a?=b&&', '/a?=b&&'],
  ['/a\n/b\u001b[31m', '/a%0a/b%1b[31m'],
  [`/${'x'.repeat(600)}`, `/${'x'.repeat(511)}...`],
])('the URL %j is logged as %j', (url, logged) => {
  expect(loggedUrl(url)).toBe(logged)
})

test('a logged URL is one short line whatever the URL, and never holds a token', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (before, after) => {
      const query = `${before.replaceAll('&', '')}&token=5ecret5&${after}`
      const logged = loggedUrl(`/a?${query}`)
      expect(logged).toMatch(/^[!-~]*$/)
      expect(logged).not.toContain('5ecret5')
    }),
  )
})

test('a check of hosts answers the same whether it has seen the host before or not', () => {
  const allowed = ['api.example.com', '*.shop.example']
  const old = hostCheck(allowed, '127.0.0.1')
  const host = fc.oneof(
    fc.domain(),
    fc.string(),
    fc.constantFrom('a.shop.example', 'shop.example', 'api.example.com:1', 'LOCALHOST:80', '[::1]:1', '[::2]'),
  )
  fc.assert(
    fc.property(host, (given) => {
      const fresh = hostCheck(allowed, '127.0.0.1')(given)
      expect(old(given)).toBe(fresh)
      if (fresh) {
        expect(new URL(`http://${given}`).hostname.replace(/\.$/, '')).toMatch(
          /^(localhost|127\.0\.0\.1|\[::1\]|api\.example\.com|.+\.shop\.example)$/,
        )
      }
    }),
    { numRuns: 2_000 },
  )
})

test('the host that is listened on is answered, also an IPv6 one', () => {
  expect(hostCheck([], 'my.host')('my.host:80')).toBe(true)
  expect(hostCheck([], 'fd00::1')('[fd00::1]:80')).toBe(true)
  expect(hostCheck([], 'fd00::1')('[fd00::2]:80')).toBe(false)
})

test('JSON for the web is what JSON.stringify makes, where that is faithful', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse(webJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
      expect(webJson(value)).toBe(JSON.stringify(value))
    }),
  )
})

test('JSON for the web keeps what JSON.stringify would lose', () => {
  expect(webJson({ id: 2n ** 64n })).toBe('{"id": 18446744073709551616}')
  expect(webJson([new Uint8Array([1, 2, 3])])).toBe('["AQID"]')
  expect(webJson({ deep: { bytes: Buffer.from('a') } })).toBe('{"deep": {"bytes": "YQ=="}}')
  expect(webJson(new Date(0))).toBe('"1970-01-01T00:00:00Z"')
  expect(webJson(undefined)).toBe('null')
  expect(webJson({ a: undefined, b: [undefined] })).toBe('{"b":[null]}')
})

test.each([
  ['NaN', { loss: NaN }, '$.loss'],
  ['an endless number', [Infinity], '$[0]'],
  ['a function', { f: () => 1 }, '$.f'],
  ['a Map', { a: [new Map()] }, '$.a[0]'],
])('JSON for the web refuses %s by its place', (_name, value, path) => {
  expect(() => webJson(value)).toThrow(
    expect.objectContaining({ code: 'ENCODE_FAILED', details: expect.objectContaining({ path }) }),
  )
})

test('JSON for the web refuses circles and bottomless depth, and survives them', () => {
  const circle: { self?: unknown; big: bigint } = { big: 1n }
  circle.self = circle
  expect(() => webJson(circle)).toThrow(expect.objectContaining({ code: 'ENCODE_FAILED' }))
  let deep: unknown = 1
  for (let level = 0; level < 100_000; level++) deep = [deep]
  expect(() => webJson(deep)).toThrow(expect.objectContaining({ code: 'ENCODE_FAILED' }))
})
