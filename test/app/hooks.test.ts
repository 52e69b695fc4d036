import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { type App, lovage } from '../../src/app/app.ts'
import { type HookName, Hooks } from '../../src/app/hooks.ts'
import { type LogRecord, onLog } from '../../src/base/log.ts'
import { currentTask } from '../../src/index.ts'
import type { Message } from '../../src/protocol/message.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

const here = fileURLToPath(import.meta.url)

function listening(): { records: LogRecord[]; [Symbol.dispose](): void } {
  const records: LogRecord[] = []
  return { records, [Symbol.dispose]: onLog((record) => void records.push(record)) }
}

/** The first message of a queue. */
async function first(app: App, queue: string): Promise<Message> {
  const { broker } = await app.client()
  return new Promise((resolve) => {
    void broker.consume({ queues: [queue], prefetch: 1, onDelivery: ({ message }) => resolve(message) })
  })
}

const worker = { hostname: 'w@host' }

describe('hooks', () => {
  test('are called one after the other, in the order in which they were registered, and awaited', async () => {
    const hooks = new Hooks(new VirtualClock())
    const seen: string[] = []
    hooks.on('workerReady', async () => {
      await Promise.resolve()
      seen.push('one')
    })
    hooks.on('workerReady', ({ hostname }) => seen.push(hostname))
    await hooks.run('workerReady', worker)
    expect(seen).toEqual(['one', 'w@host'])
  })

  test('that fail are named with their file and line, and contained', async () => {
    const app = lovage('hooks', {}, { env: {} })
    let isReached = false
    app.on('workerReady', () => {
      throw new Error('no database')
    })
    app.on('workerReady', () => Promise.reject(new Error('nor a cache')))
    app.on('workerReady', () => void (isReached = true))
    using log = listening()
    await app.hooks.run('workerReady', worker)
    expect(isReached).toBe(true)
    expect(log.records).toMatchObject([
      { level: 'error', message: 'hook failed', fields: { hook: 'workerReady', error: 'no database' } },
      { level: 'error', message: 'hook failed', fields: { hook: 'workerReady', error: 'nor a cache' } },
    ])
    const places = log.records.map(({ fields }) => String(fields['at']).split(':'))
    expect(places.map(([file]) => file)).toEqual([here, here])
    expect(Number(places[1]?.[1])).toBeGreaterThan(Number(places[0]?.[1]))
  })

  test('that take too long are named, and not waited for', async () => {
    const clock = new VirtualClock()
    const hooks = new Hooks(clock)
    hooks.on('workerInit', () => new Promise<void>(() => {}), { timeout: '3s' })
    using log = listening()
    const told = hooks.run('workerInit', worker)
    await clock.play(3_000)
    await told
    expect(log.records[0]).toMatchObject({
      message: 'hook failed',
      fields: { error: expect.stringMatching('3000 ms') },
    })
  })

  test('can be taken back', async () => {
    const hooks = new Hooks(new VirtualClock())
    let calls = 0
    const off = hooks.on('workerReady', () => calls++)
    off()
    expect(hooks.has('workerReady')).toBe(false)
    await hooks.run('workerReady', worker)
    expect(calls).toBe(0)
  })

  test('are refused under a name that is none, with the nearest', () => {
    const hooks = new Hooks(new VirtualClock())
    expect(() => hooks.on('taskPreRun' as HookName, () => {})).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', fix: expect.stringMatching('taskPrerun') }),
    )
    expect(() => hooks.on('taskPrerun', 'log' as never)).toThrow('must be a function')
  })
})

describe('hooks of publishing', () => {
  test('see the message, may put headers on it, and hear when the broker has it', async () => {
    const app = lovage('hooks', { broker: 'memory://hooks-publish' }, { env: {} })
    const seen: unknown[] = []
    app.on('beforeTaskPublish', async ({ headers, ...about }) => {
      await Promise.resolve()
      headers['x-trace'] = 'abc'
      seen.push(['before', about])
    })
    app.on('afterTaskPublish', (about) => seen.push(['after', about]))
    const { id } = await app.sendTask('shop.add', [2, 3], {}, { queue: 'sums', headers: { 'x-mine': 1 } })
    const message = await first(app, 'sums')
    expect(message.headers).toMatchObject({ 'x-trace': 'abc', 'x-mine': 1, 'x-lovage-sent': expect.any(Number) })
    const about = { task: 'shop.add', id, args: [2, 3], kwargs: {}, exchange: '', routingKey: 'sums' }
    expect(seen).toEqual([
      ['before', about],
      ['after', about],
    ])
    await app.close()
  })

  test('that write a header of Celery’s are named, and the message goes without it', async () => {
    const app = lovage('hooks', { broker: 'memory://hooks-headers' }, { env: {} })
    app.on('beforeTaskPublish', ({ headers }) => void (headers['retries'] = 7))
    using log = listening()
    await app.sendTask('shop.add', [2, 3], {}, { queue: 'sums' })
    const message = await first(app, 'sums')
    expect(message.headers['retries']).toBe(0)
    expect(log.records).toContainEqual(expect.objectContaining({ message: 'headers of a hook are left out' }))
    await app.close()
  })
})

test('where there are no hooks, none is looked for', () => {
  const hooks = new Hooks(new VirtualClock())
  expect(hooks.watchesRuns).toBe(false)
  hooks.on('workerReady', () => {})
  expect(hooks.watchesRuns).toBe(false)
  hooks.on('taskRetry', () => currentTask())
  expect(hooks.watchesRuns).toBe(true)
})
