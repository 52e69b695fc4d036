import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { Registry } from '../../src/app/registry.ts'
import { openPool, poolKind } from '../../src/pool/open.ts'

test("async goes by Celery's names too", () => {
  for (const name of ['async', 'gevent', 'eventlet', 'solo', 'asyncio']) expect(poolKind(name)).toBe('async')
})

test('pools that are not there yet are refused by name, with what to use', () => {
  for (const name of ['threads', 'processes', 'prefork']) {
    expect(() => poolKind(name)).toThrow(
      expect.objectContaining({
        code: 'CAPABILITY_MISSING',
        message: expect.stringContaining(name),
        fix: expect.stringContaining('async'),
      }),
    )
  }
  const options = { registry: new Registry(), size: 1, clock: systemClock, accept: [], types: 'typed' } as const
  expect(() => openPool({ ...options, kind: 'prefork' })).toThrow(
    expect.objectContaining({ code: 'CAPABILITY_MISSING' }),
  )
  expect(openPool(options)).toMatchObject({ kind: 'async', size: 1, running: 0, abandoned: 0 })
})

test('a name that nobody knows is refused with the nearest one', () => {
  expect(() => poolKind('asynch')).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID', fix: 'Did you mean async?' }),
  )
  for (const name of ['', '__proto__', 'toString', 'fibers']) {
    expect(() => poolKind(name)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  }
})
