import { describe, expect, it } from 'vitest'
import { lovage } from '../../src/app/app.ts'
import { expandHostname, makeWorker } from '../../src/cli/worker-choice.ts'

describe('the name of a worker', () => {
  it.each([
    ['images@%h', 'images@box.shop.test'],
    ['images@%n', 'images@box'],
    ['w%%1@%d', 'w%1@shop.test'],
    ['images', 'images@box.shop.test'],
  ])('%s becomes %s', (pattern, expected) => {
    expect(expandHostname(pattern, 'box.shop.test')).toBe(expected)
  })
})

describe('the pool of a worker', () => {
  it.each(['async', 'gevent', 'eventlet'] as const)('%s is async', async (pool) => {
    expect((await makeWorker(lovage('shop'), { pool, concurrency: 7 })).options.concurrency).toBe(7)
  })

  it('solo is async, one task at a time', async () => {
    expect((await makeWorker(lovage('shop'), { pool: 'solo' })).options.concurrency).toBe(1)
  })

  it.each([
    ['prefork', 'processes'],
    ['processes', 'processes'],
    ['threads', 'threads'],
  ] as const)('%s is %s, which load the files of the target', async (pool, kind) => {
    const module = ['/shop/tasks.ts', '/shop/more.ts']
    const { options } = await makeWorker(lovage('shop'), { pool, concurrency: 3, module })
    expect(options).toMatchObject({ pool: kind, concurrency: 3, modules: module })
  })
})
