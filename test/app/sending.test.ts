import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type App, type LogRecord, lovage, onLog } from '../../src/index.ts'

let app: App
let records: LogRecord[]
let nextRecord: () => Promise<LogRecord>
let offLog: () => void
const unhandled: unknown[] = []
const onUnhandled = (reason: unknown): void => void unhandled.push(reason)

beforeEach(() => {
  app = lovage('test', { broker: `memory://${randomUUID()}`, maxMessageBytes: 1_000 }, { env: {} })
  records = []
  let wake = (): void => {}
  offLog = onLog((record) => {
    if (record.level !== 'error') return
    records.push(record)
    wake()
  })
  nextRecord = async () => {
    while (records.length === 0) await new Promise<void>((resolve) => (wake = resolve))
    return records.shift() as LogRecord
  }
  process.on('unhandledRejection', onUnhandled)
})

afterEach(async () => {
  offLog()
  process.off('unhandledRejection', onUnhandled)
  expect(unhandled.splice(0)).toEqual([])
  await app.close()
})

/** Resolves when everything that was to be told in this turn of the event loop, and the next, has been. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
}

test('a failed sending that nobody awaits is logged and counted, and harms nobody', async () => {
  const { id } = app.sendTask('big', ['x'.repeat(2_000)])
  expect(await nextRecord()).toMatchObject({
    room: 'app',
    message: 'task could not be sent',
    fields: { task: 'big', id, error: expect.stringMatching(/more than the limit of 1000/) as string },
  })
  await turns()
  expect(app.counts()).toEqual({ sent: 0, failed: 1, unawaited: 1 })
})

test('a failed sending that is awaited throws, and is not logged', async () => {
  await expect(app.sendTask('big', ['x'.repeat(2_000)])).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' })
  await expect(app.sendTask('bad', [() => 1])).rejects.toMatchObject({ code: 'ENCODE_FAILED' })
  await expect(app.sendTask('bad', [], {}, { queu: 'x' } as never)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  await expect(app.sendTask('bad', [], {}, { exchange: 'nowhere' })).rejects.toMatchObject({ code: 'UNROUTABLE' })
  await turns()
  expect(records).toEqual([])
  expect(app.counts()).toEqual({ sent: 0, failed: 4, unawaited: 0 })
})

test.each([
  [['', []], 'Option name of a call of "" must be a text that is not empty, and is ""'],
  [[undefined], 'Option name of a call of undefined must be a text'],
  [['t', 'args'], 'Option args of a call of "t" must be a list, and is "args"'],
  [['t', [], [1]], 'Option kwargs of a call of "t" must be an object, and is a list'],
  [['t', [], null], 'Option kwargs of a call of "t" must be an object, and is null'],
])('a call with %o is refused', async (call, expected) => {
  const sending = app.sendTask(...(call as Parameters<App['sendTask']>))
  await expect(sending).rejects.toMatchObject({
    code: 'OPTION_INVALID',
    message: expect.stringContaining(expected) as string,
  })
})

test('get() counts as asking, and throws what the sending throws', async () => {
  await expect(app.sendTask('big', ['x'.repeat(2_000)]).get()).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' })
  await turns()
  expect(records).toEqual([])
})

test('a sending has catch and finally, as a promise has', async () => {
  const failed = app.sendTask('bad', [() => 1])
  expect(await failed.catch((error: { code?: string }) => error.code)).toBe('ENCODE_FAILED')
  let ended = 0
  await app.sendTask('good').finally(() => ended++)
  await failed.finally(() => ended++).catch(() => {})
  expect(ended).toBe(2)
})

test('a sending may be awaited twice, and long after it failed', async () => {
  const failed = app.sendTask('bad', [() => 1])
  await nextRecord()
  for (let time = 0; time < 2; time++) await expect(failed).rejects.toMatchObject({ code: 'ENCODE_FAILED' })
  const good = app.sendTask('good')
  expect(await good).toBe(await good)
})

test('after a failed sending nothing is left behind that waits for its result', async () => {
  const { backend } = await app.client()
  const sending = app.sendTask('bad', [], {}, { exchange: 'nowhere', taskId: 'left' })
  await expect(sending).rejects.toMatchObject({ code: 'UNROUTABLE' })
  const expectation = await backend.expect('left')
  expect(expectation.latest).toBeUndefined()
})
