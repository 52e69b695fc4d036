import { channel } from 'node:diagnostics_channel'
import { describe, expect, it } from 'vitest'
import { log, onLog, type LogRecord } from '../../src/base/log.ts'

describe('the log', () => {
  it('tells each listener until it has enough', () => {
    const one: LogRecord[] = []
    const two: LogRecord[] = []
    const endOne = onLog((record) => one.push(record))
    const endTwo = onLog((record) => two.push(record))
    log('info', 'worker', 'task done', { task: 'shop.add', runMs: 3 })
    endOne()
    log('warn', 'broker', 'connection lost')
    endTwo()
    log('error', 'broker', 'nobody hears this')
    const first = { level: 'info', room: 'worker', message: 'task done', fields: { task: 'shop.add', runMs: 3 } }
    expect(one).toEqual([first])
    expect(two).toEqual([first, { level: 'warn', room: 'broker', message: 'connection lost', fields: {} }])
  })

  it('is a diagnostics channel, for listeners that do not know us', () => {
    const heard: unknown[] = []
    const listener = (record: unknown): void => void heard.push(record)
    channel('lovage:log').subscribe(listener)
    log('debug', 'pool', 'resized', { size: 3 })
    channel('lovage:log').unsubscribe(listener)
    expect(heard).toEqual([{ level: 'debug', room: 'pool', message: 'resized', fields: { size: 3 } }])
  })

  it('may end twice', () => {
    const end = onLog(() => expect.unreachable())
    end()
    end()
    log('info', 'worker', 'unheard')
    expect(channel('lovage:log').hasSubscribers).toBe(false)
  })
})
