import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { redactUrl } from '../../src/base/redact.ts'

describe('a URL for logs', () => {
  it.each([
    ['amqp://localhost', 'amqp://localhost'],
    ['amqp://guest@localhost:5672/shop', 'amqp://guest@localhost:5672/shop'],
    ['amqp://guest:secret@localhost:5672/shop', 'amqp://guest:***@localhost:5672/shop'],
    ['redis://:secret@localhost/0', 'redis://:***@localhost/0'],
    ['amqps://u:p%40ss@host/%2F?heartbeat=5', 'amqps://u:***@host/%2F?heartbeat=5'],
    ['amqp://u:a@b@host', 'amqp://u:***@host'],
    ['amqp://u:a/b@host', 'amqp://u:***@host'],
    ['redis://host/0?password=secret&db=1', 'redis://host/0?password=***&db=1'],
    ['not a url', 'not a url'],
  ])('%s becomes %s', (url, fit) => {
    expect(redactUrl(url)).toBe(fit)
  })

  it('never shows the password', () => {
    const password = fc.string({ minLength: 4 }).filter((text) => !'amqp://user:***@host.example/shop'.includes(text))
    fc.assert(
      fc.property(password, (secret) => {
        expect(redactUrl(`amqp://user:${encodeURIComponent(secret)}@host.example/shop`)).not.toContain(
          encodeURIComponent(secret),
        )
      }),
    )
  })
})
