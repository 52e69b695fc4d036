import { expect, test } from 'vitest'
import { openBroker } from '../../src/broker/open.ts'

test.each([
  ['amqp://user:hunter2@host:port/', 'host or port'],
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
