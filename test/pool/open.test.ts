import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { lovage } from '../../src/app/app.ts'
import { openPool, poolKind } from '../../src/pool/open.ts'

test("async goes by Celery's names too", () => {
  for (const name of ['async', 'gevent', 'eventlet', 'solo', 'asyncio']) expect(poolKind(name)).toBe('async')
})

test('what Celery calls prefork are processes', () => {
  expect([poolKind('prefork'), poolKind('processes'), poolKind('threads')]).toEqual([
    'processes',
    'processes',
    'threads',
  ])
})

test('each kind is opened by its name, and has nothing running', () => {
  const app = lovage('open')
  const options = { app, hostname: 'here', size: 3, clock: systemClock, accept: [], types: 'typed' } as const
  for (const kind of ['async', 'threads', 'processes'] as const) {
    expect(openPool(kind, options)).toMatchObject({ kind, size: 3, running: 0, abandoned: 0 })
  }
})

test('a name that nobody knows is refused with the nearest one', () => {
  expect(() => poolKind('asynch')).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID', fix: 'Did you mean async?' }),
  )
  for (const name of ['', '__proto__', 'toString', 'fibers']) {
    expect(() => poolKind(name)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  }
})
