import { describe, expect, test } from 'vitest'
import { parseAmqpUrl } from '../../../src/broker/amqp/amqp-url.ts'

const hosts = (url: string): string[] => parseAmqpUrl(url).hosts.map(({ host, port }) => `${host} ${port}`)

describe('an AMQP URL', () => {
  test('says all there is to say', () => {
    expect(
      parseAmqpUrl(
        'amqps://us%40er:p%2Fw%3A@h:1/v%2Fh?heartbeat=7&verify=verify_none&cacertfile=a&server_name_indication=n',
      ),
    ).toEqual({
      redacted: expect.not.stringContaining('p%2Fw') as string,
      hosts: [{ host: 'h', port: 1 }],
      user: 'us@er',
      password: 'p/w:',
      vhost: 'v/h',
      heartbeatS: 7,
      mechanism: 'PLAIN',
      tls: { verify: false, caFile: 'a', certFile: undefined, keyFile: undefined, serverName: 'n' },
    })
  })

  test.each([
    ['amqp://', 'localhost 5672', 'guest', 'guest', '/'],
    ['amqp://h', 'h 5672', 'guest', 'guest', '/'],
    ['amqp://h/', 'h 5672', 'guest', 'guest', '/'],
    ['amqp://h//', 'h 5672', 'guest', 'guest', '/'],
    ['AMQPS://u@h/x', 'h 5671', 'u', '', 'x'],
    ['amqp://u:@h/a/b', 'h 5672', 'u', '', 'a/b'],
    ['amqp://u:p:w@[::1]:7', '::1 7', 'u', 'p:w', '/'],
  ])('%s has the usual rest', (url, at, user, password, vhost) => {
    expect(hosts(url)).toEqual([at])
    expect(parseAmqpUrl(url)).toMatchObject({ user, password, vhost })
  })

  test('may name several hosts, in the order in which they are tried', () => {
    expect(hosts('amqp://u:p@a,b:7,[::2]/v')).toEqual(['a 5672', 'b 7', '::2 5672'])
    expect(hosts('amqp://u:p@a//;amqp://u:p@b:9//')).toEqual(['a 5672', 'b 9'])
  })

  test.each([
    ['', 'not a URL'],
    ['amqp:h', 'not a URL'],
    ['http://h', 'not a URL'],
    ['amqp://h:0', 'host or port'],
    ['amqp://h:65536', 'host or port'],
    ['amqp://h:x', 'host or port'],
    ['amqp://u:%zz@h', 'percent'],
    ['amqp://h?heartbeat=x', 'heartbeat'],
    ['amqp://h?hartbeat=1', 'parameter hartbeat'],
    ['amqp://h?auth_mechanism=amqplain', 'auth_mechanism'],
    ['amqp://a/x;amqp://b/y', 'more than the host'],
  ])('%j is refused, saying why', (url, problem) => {
    expect(() => parseAmqpUrl(url)).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(problem) as string }),
    )
  })

  test('never shows its password', () => {
    for (const url of ['amqp://u:secret@a:x', 'amqp://u:secret@a;amqp://u:secret@b:x', 'amqp://u:secret%@a']) {
      let message = ''
      try {
        parseAmqpUrl(url)
      } catch (error) {
        message = String(error)
      }
      expect(message).toContain('***')
      expect(message).not.toContain('secret')
    }
    expect(parseAmqpUrl('amqp://u:secret@a;amqp://u:secret@b').redacted).not.toContain('secret')
  })
})
