import { describe, expect, it } from 'vitest'
import { Tables } from '../../src/broker/embedded/tables/tables.ts'
import { openStore } from '../../src/store/open.ts'
import type { LogPage } from '../../src/store/store.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

const code = (code: string): object => expect.objectContaining({ code })

describe('openStore', () => {
  it('refuses a URL of a scheme that it does not know, without showing it', () => {
    expect(() => openStore('amqp://:secret@localhost')).toThrow(code('URL_UNSUPPORTED'))
    expect(() => openStore('secret')).toThrow(/a URL without scheme/)
  })

  it('gives stores of one name that meet, and stores of other names or clocks that do not', async () => {
    const clock = new VirtualClock()
    const [a, same, other] = [
      openStore('memory://a', { clock }),
      openStore('memory:///a?x=1', { clock }),
      openStore('memory://b', { clock }),
    ]
    const elsewhere = openStore('memory://a', { clock: new VirtualClock() })
    for (const store of [a, same, other, elsewhere]) await store.start()
    await a.set('test:key', 'x', { ttlMs: 1000 })
    expect((await same.get('test:key'))?.value).toBe('x')
    expect(await other.get('test:key')).toBeUndefined()
    expect(await elsewhere.get('test:key')).toBeUndefined()
    for (const store of [a, same, other, elsewhere]) await store.stop()
  })

  it('keeps what is left in memory while nobody is there, and lets it go when its time is over', async () => {
    const clock = new VirtualClock()
    const store = openStore('memory://kept', { clock })
    await store.start()
    await store.set('test:key', 'x', { ttlMs: 1000 })
    await store.stop()
    const next = openStore('memory://kept', { clock })
    await next.start()
    expect((await next.get('test:key'))?.value).toBe('x')
    clock.advance(1000)
    expect(await next.get('test:key')).toBeUndefined()
  })
})

describe('time in the store', () => {
  it('ends a lease for its holder and for all others at the same instant', async () => {
    const clock = new VirtualClock()
    const store = openStore('memory://lease', { clock })
    await store.start()
    const { lease } = await store.lease('test:lease', { ttlMs: 100 })
    clock.advance(99)
    expect([lease?.isHeld, (await store.lease('test:lease', { ttlMs: 100 })).lease]).toEqual([true, undefined])
    clock.advance(1)
    expect(lease?.isHeld).toBe(false)
    expect((await store.lease('test:lease', { ttlMs: 100 })).lease).toBeDefined()
  })

  it('calls a watcher of a due list when the calendar was set forward, within a minute', async () => {
    const clock = new VirtualClock()
    const store = openStore('memory://due', { clock })
    await store.start()
    let calls = 0
    await store.due('test:due').onDue(() => calls++)
    await store.due('test:due').put('a', { atMs: clock.now() + 3_600_000, value: 'x' })
    await clock.play(1000)
    expect(calls).toBe(0)
    clock.jump(3_600_000)
    await clock.play(60_000)
    expect(calls).toBe(1)
    expect((await store.due('test:due').take({ claimMs: 1 })).entries.length).toBe(1)
  })

  it('calls a watcher again when nobody has come to take what is due', async () => {
    const clock = new VirtualClock()
    const store = openStore('memory://again', { clock })
    await store.start()
    let calls = 0
    await store.due('test:due').onDue(() => calls++)
    await store.due('test:due').put('a', { atMs: 0, value: 'x' })
    await clock.play(1)
    expect(calls).toBe(1)
    await clock.play(60_000)
    expect(calls).toBe(2)
    await store.due('test:due').take({ claimMs: 1_000_000 })
    await clock.play(120_000)
    expect(calls).toBe(2)
  })

  it('leaves no timer behind for a log that is followed and ended', async () => {
    const clock = new VirtualClock()
    const store = openStore('memory://log', { clock })
    await store.start()
    const pages: LogPage[] = []
    const end = await store.log('test:log').listen((page) => void pages.push(page))
    await store.log('test:log').append('x', { ttlMs: 500, maxEntries: 1 })
    await clock.play(1)
    expect(pages.length).toBe(1)
    end()
    await store.stop()
    clock.advance(500)
    expect(clock.waiting).toBe(0)
  })
})

describe('tables that are full', () => {
  it('refuse what would make them larger, and go on with what makes them smaller', () => {
    const tables = new Tables({ clock: new VirtualClock(), maxBytes: 3200 })
    const ttlMs = 1000
    tables.apply({ op: 'put', key: 'k:due', id: 'a', atMs: 0, value: 'x' })
    const { token } = tables.apply({ op: 'lease', key: 'k:lease', holder: 'h', ttlMs, slots: 1 })
    tables.apply({ op: 'count', key: 'k:count', by: 1, ttlMs, renew: false })
    tables.apply({ op: 'set', key: 'k:value', value: 'x'.repeat(600), ttlMs })
    const { bytes } = tables
    const full = code('STORE_FULL')
    expect(() => tables.apply({ op: 'set', key: 'k:other', value: 'x'.repeat(600), ttlMs })).toThrow(full)
    expect(() => tables.apply({ op: 'append', key: 'k:log', value: 'x'.repeat(600), ttlMs, maxEntries: 1 })).toThrow(
      full,
    )
    expect(() => tables.apply({ op: 'put', key: 'k:due', id: 'b', atMs: 0, value: 'x'.repeat(600) })).toThrow(full)
    expect(tables.bytes).toBe(bytes)
    expect(tables.apply({ op: 'read', key: 'k:log', after: 0, limit: 1 }).last).toBe(0)
    expect(tables.apply({ op: 'count', key: 'k:count', by: 1, ttlMs, renew: false }).value).toBe(2)
    expect(tables.apply({ op: 'renew', key: 'k:lease', holder: 'h', token, ttlMs })).toBe(true)
    expect(tables.apply({ op: 'take', key: 'k:due', claimMs: 1, limit: 1 }).entries.length).toBe(1)
    expect(tables.apply({ op: 'forget', key: 'k:value' })).toBe(true)
    expect(tables.apply({ op: 'set', key: 'k:other', value: 'x'.repeat(600), ttlMs }).version).toBeGreaterThan(0)
  })

  it('let a counter have no more than 100,000 members', () => {
    const tables = new Tables({ clock: new VirtualClock() })
    const count = (member: string): boolean =>
      tables.apply({ op: 'count', key: 'k:a', by: 1, ttlMs: 1000, renew: false, member }).isCounted
    for (let nth = 0; nth < 100_000; nth++) count(`${nth}`)
    expect(() => count('one more')).toThrow(code('STORE_FULL'))
    expect(count('7')).toBe(false)
  })
})

describe('large answers', () => {
  it('come in pages of about a mebibyte, one entry at least', async () => {
    const store = openStore('memory://pages', { clock: new VirtualClock() })
    await store.start()
    const log = store.log('test:log')
    const due = store.due('test:due')
    const value = new Uint8Array(400_000)
    for (let nth = 0; nth < 5; nth++) {
      await log.append(nth === 4 ? new Uint8Array(2_000_000) : value, { ttlMs: 1000, maxEntries: 10 })
      await due.put(`${nth}`, { atMs: nth, value })
    }
    const first = await log.read()
    expect(first.entries.length).toBe(2)
    const second = await log.read({ after: first.entries[1]?.position ?? 0 })
    const third = await log.read({ after: second.entries[1]?.position ?? 0 })
    expect(third.entries.map((entry) => entry.value.length)).toEqual([2_000_000])
    expect((await due.list()).length).toBe(2)
    const taken = await due.take({ claimMs: 1000 })
    expect([taken.entries.length, taken.nextInMs]).toEqual([2, 0])
    expect((await due.take({ claimMs: 1000 })).entries.map(({ id }) => id)).toEqual(['2', '3'])
  })
})
