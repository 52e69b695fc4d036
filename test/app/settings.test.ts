import { join } from 'node:path'
import { expect, test } from 'vitest'
import { resolveSettings, type GivenSettings } from '../../src/app/settings.ts'
import { isLovageError } from '../../src/base/errors.ts'

const noEnv = { env: {} }

function refusal(given: unknown, options: Parameters<typeof resolveSettings>[1] = noEnv): string {
  try {
    resolveSettings(given as GivenSettings, options)
  } catch (error) {
    if (isLovageError(error)) return `${error.code}: ${error.message}. ${error.fix}`
    throw error
  }
  return 'nothing was wrong'
}

test('every setting has its default', () => {
  expect(resolveSettings({}, noEnv)).toEqual({
    broker: 'embedded://',
    backend: 'embedded://',
    store: 'embedded://',
    home: undefined,
    defaultQueue: 'celery',
    queues: new Map(),
    routes: [],
    defaultExchange: 'celery',
    defaultExchangeType: 'direct',
    defaultRoutingKey: 'celery',
    defaultQueueType: undefined,
    createMissingQueues: true,
    createMissingQueueType: undefined,
    createMissingQueueExchangeType: 'direct',
    queueMaxPriority: undefined,
    defaultPriority: undefined,
    defaultDeliveryMode: 2,
    publishTimeoutMs: 2_000,
    connectTimeoutMs: 5_000,
    resultExpiresMs: 86_400_000,
    resultPersistent: true,
    sendSentEvent: false,
    acceptContent: ['application/json'],
    taskSerializer: 'json',
    taskCompression: undefined,
    resultSerializer: 'json',
    resultAcceptContent: ['application/json'],
    acksLate: true,
    timezone: 'UTC',
    worker: {},
    jsonTypes: 'typed',
    maxMessageBytes: 16_777_216,
    maxDeliveries: 5,
    maxPendingResults: 100_000,
    defaultRetryDelayMs: 180_000,
    deadLetterMax: 10_000,
    deadLetterAgeMs: 1_209_600_000,
  })
})

test('an application reads what it writes, unless it is told otherwise', () => {
  const { acceptContent, resultAcceptContent } = resolveSettings(
    { taskSerializer: 'yaml', resultSerializer: 'msgpack' },
    noEnv,
  )
  expect(acceptContent).toEqual(['application/json', 'application/x-yaml'])
  expect(resultAcceptContent).toEqual(['application/json', 'application/x-yaml', 'application/x-msgpack'])
  const told = resolveSettings({ taskSerializer: 'yaml', acceptContent: ['msgpack'] }, noEnv)
  expect(told.acceptContent).toEqual(['application/x-msgpack'])
})

test('settings are frozen, lists too', () => {
  const settings = resolveSettings({ acceptContent: ['json'] }, noEnv)
  expect(() => Object.assign(settings, { broker: 'x' })).toThrow(TypeError)
  expect(() => (settings.acceptContent as string[]).push('x')).toThrow(TypeError)
  expect(settings.acceptContent).toEqual(['application/json'])
})

test('the environment wins over code, and code over the default', () => {
  const env = { LOVAGE_BROKER_URL: 'amqp://env', LOVAGE_RESULT_BACKEND: 'rpc://' }
  const given = { broker: 'amqp://code', backend: 'memory://code' }
  expect(resolveSettings(given, { env })).toMatchObject({ broker: 'amqp://env', backend: 'rpc://' })
  expect(resolveSettings(given, noEnv)).toMatchObject({ broker: 'amqp://code', backend: 'memory://code' })
  expect(resolveSettings(given, { env: { LOVAGE_BROKER_URL: '' } }).broker).toBe('amqp://code')
})

test('the data directory is made absolute, and the environment wins', () => {
  expect(resolveSettings({ home: 'data' }, noEnv).home).toBe(join(process.cwd(), 'data'))
  expect(resolveSettings({ home: 'data' }, { env: { LOVAGE_HOME: '/var/lib/shop' } }).home).toBe('/var/lib/shop')
})

test('results go where the broker is: rpc over AMQP, else the same place', () => {
  expect(resolveSettings({ broker: 'embedded:///var/lib/shop' }, noEnv).backend).toBe('embedded:///var/lib/shop')
  expect(resolveSettings({ broker: 'amqps://there' }, noEnv).backend).toBe('rpc://')
  expect(resolveSettings({ broker: 'memory://mine' }, noEnv).backend).toBe('memory://mine')
})

test('the store is where the broker is, if that can be; over AMQP there is none unless one is named', () => {
  expect(resolveSettings({ broker: 'memory://mine' }, noEnv).store).toBe('memory://mine')
  expect(resolveSettings({ broker: 'embedded:///data?sync=false' }, noEnv).store).toBe('embedded:///data?sync=false')
  expect(resolveSettings({ broker: 'rediss://there/3' }, noEnv).store).toBe('rediss://there/3')
  expect(resolveSettings({ broker: 'amqp://there' }, noEnv).store).toBeUndefined()
  const env = { LOVAGE_STORE: 'embedded:///there' }
  expect(resolveSettings({ broker: 'amqp://there', store: 'memory://x' }, { env }).store).toBe('embedded:///there')
  expect(refusal({ store: 'here' })).toMatch('Setting store (from code) is not a URL')
})

test('durations are texts or milliseconds', () => {
  const settings = resolveSettings({ publishTimeout: '500ms', connectTimeout: 250, resultExpires: '2h' }, noEnv)
  expect(settings).toMatchObject({ publishTimeoutMs: 500, connectTimeoutMs: 250, resultExpiresMs: 7_200_000 })
})

test.each([
  [{ brokr: 'amqp://x' }, 'SETTING_UNKNOWN: There is no setting brokr (from code). Did you mean broker?'],
  [{ BROKER: 'amqp://x' }, 'SETTING_UNKNOWN: There is no setting BROKER (from code). Did you mean broker?'],
  [{ colour: 1 }, /^SETTING_UNKNOWN: There is no setting colour \(from code\)\. Use one of: broker, backend, /],
  [{ broker: 7 }, /^SETTING_INVALID: Setting broker \(from code\) must be a URL, and is 7\. Write a URL like/],
  [{ broker: 'localhost' }, /^SETTING_INVALID: Setting broker \(from code\) is not a URL/],
  [{ backend: '' }, /Setting backend \(from code\) is not a URL/],
  [{ home: '' }, /Setting home \(from code\) must be a text that is not empty/],
  [{ defaultQueue: '' }, /Setting defaultQueue \(from code\) must be a text that is not empty, and is ""/],
  [{ defaultQueue: 'q'.repeat(256) }, /Setting defaultQueue \(from code\) is 256 bytes long\. Use at most 255 bytes/],
  [
    { queueMaxPriority: 256 },
    /Setting queueMaxPriority \(from code\) must be a whole number from 1 to 255, and is 256/,
  ],
  [{ queues: 'celery' }, /Setting queues \(from code\) must be a list, and is "celery"/],
  [{ queues: ['a', { name: 'a' }] }, /Setting queues \(from code\) has the queue a twice/],
  [{ queues: [{ exchange: 'e' }] }, /Setting queues \(from code\) has a queue without a name/],
  [{ queues: [{ name: 'a', exchang: 'e' }] }, /Setting queues \(from code\) has exchang, .*Did you mean exchange\?/],
  [{ queues: [{ name: 'a', exchangeType: 'headers' }] }, /is not right: exchangeType must be 'direct' or 'topic' or/],
  [{ queues: [{ name: 'a', bindings: [{ routingKey: 'k' }] }] }, /is not right: bindings has no exchange/],
  [
    {
      queues: [
        { name: 'a', exchange: 'e', exchangeType: 'topic' },
        { name: 'b', exchange: { name: 'e', type: 'fanout' } },
      ],
    },
    /has the exchange e with type "topic" and with "fanout"/,
  ],
  [{ queues: [{ name: 'a', exchange: 'e', bindings: [] }] }, /queue a: bindings stand in place of exchange/],
  [{ queues: [{ name: 'a', type: 'quorum', maxPriority: 9 }] }, /queue a: a quorum queue has no priorities/],
  [{ queues: [{ name: 'a', type: 'quorum', durable: false }] }, /queue a: a quorum queue cannot be durable: false/],
  [{ queues: ['a'], createMissingQueues: false }, /Setting queues \(from code\) do not have celery, the default queue/],
  [{ routes: { 'a.*': { que: 'q' } } }, /Setting routes \(from code\) is not right: the route of a\.\* has que/],
  [{ routes: [[['a.*']]] }, /Setting routes \(from code\) has a list, which is no route/],
  [{ routes: 'q' }, /Setting routes \(from code\) has "q", which is no router/],
  [
    { publishTimeout: '2 seconds' },
    /Setting publishTimeout \(from code\) must be a length of time, and is "2 seconds"/,
  ],
  [{ publishTimeout: -1 }, /Setting publishTimeout \(from code\) must be a length of time, and is -1/],
  [{ connectTimeout: 0 }, /Setting connectTimeout \(from code\) must be longer than zero/],
  [{ resultExpires: null }, /Setting resultExpires \(from code\) must be a length of time, and is null/],
  [{ acceptContent: 'json' }, /Setting acceptContent \(from code\) must be a list, and is "json"/],
  [{ acceptContent: [] }, /Setting acceptContent \(from code\) must not be empty/],
  [{ acceptContent: ['pickle'] }, /Setting acceptContent \(from code\) names "pickle", which is not read here/],
  [
    { jsonTypes: 'type' },
    /Setting jsonTypes \(from code\) must be 'typed' or 'plain', and is "type"\. Did you mean typed\?/,
  ],
  [{ maxMessageBytes: 1.5 }, /Setting maxMessageBytes \(from code\) must be a whole number of at least 1, and is 1\.5/],
  [{ maxDeliveries: '5' }, /Setting maxDeliveries \(from code\) must be a whole number of at least 1, and is "5"/],
  [{ maxPendingResults: NaN }, /Setting maxPendingResults .* and is NaN/],
  [{ defaultRetryDelay: {} }, /Setting defaultRetryDelay .* and is an object/],
  [{ deadLetterMax: 10n }, /Setting deadLetterMax .* and is 10n/],
  [{ deadLetterAge: () => 1 }, /Setting deadLetterAge .* and is the function/],
  ['amqp://x', /Setting settings \(from code\) must be an object, and is "amqp:\/\/x"/],
  [null, /Setting settings \(from code\) must be an object, and is null/],
])('settings %o are refused, naming setting, source and fix', (given, expected) => {
  expect(refusal(given)).toMatch(expected)
})

test('an error tells the file or the variable that it comes from', () => {
  expect(refusal({ brokr: 1 }, { env: {}, source: 'lovage.config.ts' })).toMatch('(from lovage.config.ts)')
  const env = { LOVAGE_RESULT_BACKEND: 'redis' }
  expect(refusal({}, { env })).toMatch('Setting LOVAGE_RESULT_BACKEND (from environment) is not a URL')
})

test('a broken URL is never shown, as it may hold a password', () => {
  expect(refusal({ broker: 'amqp:/user:secret@host' })).not.toMatch('secret')
  expect(refusal({}, { env: { LOVAGE_BROKER_URL: 'user:secret@host' } })).not.toMatch('secret')
})
