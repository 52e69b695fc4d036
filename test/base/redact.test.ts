import { expect, test } from 'vitest'
import { redactUrl } from '../../src/base/redact.ts'

test.each([
  ['amqp://user:hunter2@host:5672/v', 'amqp://user:***@host:5672/v'],
  ['amqp://:hunter2@host', 'amqp://:***@host'],
  ['redis://user:hun%40ter2@host/0', 'redis://user:***@host/0'],
  ['amqp://user:hun@ter2@host/v', 'amqp://user:***@host/v'],
  ['amqp://user:hun/ter2@host/v', 'amqp://user:***@host/v'],
  ['amqp://user:hun?ter2#@host/v', 'amqp://user:***@host/v'],
  ['amqp://user@host/v', 'amqp://user@host/v'],
  ['amqp://host/v@w', 'amqp://host/v@w'],
  ['memory://lovage', 'memory://lovage'],
  ['amqps://h?password=hunter2&heartbeat=3', 'amqps://h?password=***&heartbeat=3'],
  ['amqp://a:hunter2@one;amqp://b:hunter3@two/v', 'amqp://a:***@one;amqp://b:***@two/v'],
  ['amqp://one;amqp://b:hunter3@two/v', 'amqp://one;amqp:***@two/v'],
  ['amqp://user:hun;ter2@one', 'amqp://user:***@one'],
  ['amqp://user:hun;ter://2@one', 'amqp://user:***@one'],
  ['no url at all', 'no url at all'],
])('%s is shown as %s', (url, shown) => {
  expect(redactUrl(url)).toBe(shown)
})
