import { expect, test } from 'vitest'
import { parseAmqpUrl } from '../../src/broker/amqp/amqp-url.ts'
import { openBroker } from '../../src/broker/open.ts'

const at = (host: string, port: number): object => ({ hosts: [{ host, port }] })

const PLAIN = { ...at('localhost', 5672), user: 'guest', password: 'guest', vhost: '/', tls: undefined }

test.each<[string, object]>([
  ['amqp://localhost', {}],
  ['amqp://', {}],
  ['amqp://localhost/', {}],
  ['amqp://localhost//', {}],
  ['amqp://localhost/%2F', {}],
  ['amqp://localhost/shop', { vhost: 'shop' }],
  ['amqp://localhost/a%2Fb', { vhost: 'a/b' }],
  ['amqp://me@rabbit:5673', { user: 'me', password: '', ...at('rabbit', 5673) }],
  ['amqp://me:p%40ss%3A%2F@rabbit', { user: 'me', password: 'p@ss:/', ...at('rabbit', 5672) }],
  ['amqp://[::1]:5673/', at('::1', 5673)],
  ['amqp://localhost?heartbeat=5', { heartbeatS: 5 }],
  [
    'amqp://a,b:7,[::2]',
    {
      hosts: [
        { host: 'a', port: 5672 },
        { host: 'b', port: 7 },
        { host: '::2', port: 5672 },
      ],
    },
  ],
  [
    'amqp://a//;amqp://b:9//',
    {
      hosts: [
        { host: 'a', port: 5672 },
        { host: 'b', port: 9 },
      ],
    },
  ],
  ['amqp://u:p:w@localhost', { user: 'u', password: 'p:w' }],
  ['amqps://rabbit?auth_mechanism=external', { ...at('rabbit', 5671), tls: { verify: true }, mechanism: 'EXTERNAL' }],
  ['amqps://rabbit', { ...at('rabbit', 5671), tls: { verify: true } }],
  [
    'amqps://rabbit?verify=verify_none&cacertfile=/ca.pem&certfile=/c.pem&keyfile=/k.pem&server_name_indication=r',
    {
      ...at('rabbit', 5671),
      tls: { verify: false, caFile: '/ca.pem', certFile: '/c.pem', keyFile: '/k.pem', serverName: 'r' },
    },
  ],
])('%s is understood', (url, expected) => {
  expect(parseAmqpUrl(url)).toMatchObject({ ...PLAIN, ...expected })
})

test.each([
  ['amqp://user:hunter2@host:port/', 'has a host or port that is none'],
  ['amqp://user:hunter2@host#x', 'is not a URL'],
  ['amqp://user:hunter2@a/x;amqp://user:hunter2@b/y', 'differ in more than the host'],
  ['amqp://user:hunter2@host/%zz', 'percent sign'],
  ['amqp://user:hunter2@host?hartbeat=3', 'hartbeat'],
  ['amqp://user:hunter2@host?heartbeat=soon', 'heartbeat'],
])('%s is refused without telling the password', (url, problem) => {
  const refused = expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(problem) })
  expect(() => openBroker(url)).toThrow(refused)
  expect(() => openBroker(url)).not.toThrow(/hunter2/)
})

test.each(['localhost:5672', '', 'amqpx://u:hunter2@h', 'http://x'])('%s is no broker', (url) => {
  const refused = expect.objectContaining({ code: 'URL_UNSUPPORTED', message: expect.not.stringContaining('hunter2') })
  expect(() => openBroker(url)).toThrow(refused)
})
