import { expect, test } from 'vitest'
import { parseAmqpUrl } from '../../src/broker/amqp/amqp-url.ts'
import { openBroker } from '../../src/broker/open.ts'

const PLAIN = { host: 'localhost', port: 5672, user: 'guest', password: 'guest', vhost: '/', tls: undefined }

test.each<[string, object]>([
  ['amqp://localhost', {}],
  ['amqp://', {}],
  ['amqp://localhost/', {}],
  ['amqp://localhost//', {}],
  ['amqp://localhost/%2F', {}],
  ['amqp://localhost/shop', { vhost: 'shop' }],
  ['amqp://localhost/a%2Fb', { vhost: 'a/b' }],
  ['amqp://me@rabbit:5673', { user: 'me', password: '', host: 'rabbit', port: 5673 }],
  ['amqp://me:p%40ss%3A%2F@rabbit', { user: 'me', password: 'p@ss:/', host: 'rabbit' }],
  ['amqp://[::1]:5673/', { host: '::1', port: 5673 }],
  ['amqp://localhost?heartbeat=5', { heartbeatS: 5 }],
  ['amqps://rabbit', { host: 'rabbit', port: 5671, tls: { verify: true } }],
  [
    'amqps://rabbit?verify=verify_none&cacertfile=/ca.pem&certfile=/c.pem&keyfile=/k.pem&server_name_indication=r',
    {
      host: 'rabbit',
      port: 5671,
      tls: { verify: false, caFile: '/ca.pem', certFile: '/c.pem', keyFile: '/k.pem', serverName: 'r' },
    },
  ],
])('%s is understood', (url, expected) => {
  expect(parseAmqpUrl(url)).toMatchObject({ ...PLAIN, ...expected })
})

test.each([
  ['amqp://user:hunter2@host:port/', 'is not a URL'],
  ['amqp://user:hunter2@host/%zz', 'percent sign'],
  ['amqp://user:hunter2@host?hartbeat=3', 'hartbeat'],
  ['amqp://user:hunter2@host?heartbeat=soon', 'heartbeat'],
])('%s is refused without telling the password', (url, problem) => {
  const refused = expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(problem) })
  expect(() => openBroker(url)).toThrow(refused)
  expect(() => openBroker(url)).not.toThrow(/hunter2/)
})

test.each(['redis://localhost', 'localhost:5672', '', 'amqpx://u:hunter2@h', 'http://x'])('%s is no broker', (url) => {
  const refused = expect.objectContaining({ code: 'URL_UNSUPPORTED', message: expect.not.stringContaining('hunter2') })
  expect(() => openBroker(url)).toThrow(refused)
})
