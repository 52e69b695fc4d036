import { describe, expect, test } from 'vitest'
import { parseRedisUrl } from '../../src/base/redis/redis-url.ts'

const parse = (url: string) => parseRedisUrl(url, 'the broker', ['visibility_timeout'])

describe('the URL of a Redis', () => {
  test.each([
    ['redis://', { at: { kind: 'server', host: 'localhost', port: 6379 }, database: 0, tls: undefined }],
    ['redis://h:7000/3', { at: { host: 'h', port: 7000 }, database: 3 }],
    ['redis://:p%40ss@h', { user: undefined, password: 'p@ss' }],
    ['redis://u:p@[::1]:6380/', { at: { host: '::1', port: 6380 }, user: 'u', password: 'p', database: 0 }],
    ['redis://h/?db=4', { database: 4 }],
    ['redis+socket:///run/redis.sock?virtual_host=2', { at: { kind: 'socket', path: '/run/redis.sock' }, database: 2 }],
    ['unix:///run/redis.sock?db=1', { at: { kind: 'socket', path: '/run/redis.sock' }, database: 1 }],
    [
      'sentinel://:pw@a:26379;sentinel://b/5?master_name=m&sentinel_password=s',
      {
        at: {
          kind: 'sentinels',
          masterName: 'm',
          password: 's',
          sentinels: [
            { host: 'a', port: 26_379 },
            { host: 'b', port: 26_379 },
          ],
        },
        password: 'pw',
        database: 5,
      },
    ],
    ['rediss://h', { tls: { verify: true, caFile: undefined } }],
    ['rediss://h?ssl_cert_reqs=none&ssl_ca_certs=/ca.pem', { tls: { verify: false, caFile: '/ca.pem' } }],
    ['rediss://h?ssl_cert_reqs=CERT_REQUIRED', { tls: { verify: true } }],
  ])('%s is read', (url, expected) => {
    expect(parse(url)).toMatchObject(expected)
  })

  test('keeps the parameters of whoever asked, and hides the password', () => {
    const { options, redacted } = parse('redis://u:secret@h/0?visibility_timeout=5')
    expect([...options]).toEqual([['visibility_timeout', '5']])
    expect(redacted).toBe('redis://u:***@h/0?visibility_timeout=5')
  })

  test.each([
    'redis://h:99999',
    'redis://h/one',
    'redis://%zz@h',
    'redis://h?nonsense=1',
    'redis://a;redis://b',
    'redis://a;rediss://b',
    'rediss://h?ssl_cert_reqs=perhaps',
    'redis:h',
  ])('%s is OPTION_INVALID, without its password', (url) => {
    expect(() => parse(url)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    expect(() => parse(url.replace('://', '://u:secret@'))).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret') }),
    )
  })

  test.each(['rediscluster://h', 'redis+cluster://h', 'redis-cluster://h', 'redisscluster://h'])(
    'a cluster (%s) is refused by name',
    (url) => {
      expect(() => parse(url)).toThrow(expect.objectContaining({ code: 'CAPABILITY_MISSING' }))
    },
  )
})
