import { expect, test, vi } from 'vitest'
import { type App, lovage } from '../../src/app/app.ts'
import { systemClock } from '../../src/base/clock.ts'
import { startThread } from '../../src/base/thread.ts'
import { openPool } from '../../src/pool/open.ts'
import { StallWatch } from '../../src/pool/stall-watch.ts'
import { PoolScene } from '../../src/testing/pool/scene.ts'

vi.mock(import('../../src/base/thread.ts'), async (load) => {
  const real = await load()
  return { ...real, startThread: vi.fn(real.startThread) }
})

function poolOf(app: App): PoolScene {
  const options = { app, hostname: 'here', size: 1, clock: systemClock, accept: ['application/json'], stallMs: 1_000 }
  return new PoolScene(openPool('async', { ...options, types: 'typed' }))
}

test('a pool that has run nothing has no thread that looks for stalls, and one from its first task on', async () => {
  const app = lovage('quiet', {}, { env: {} })
  app.task('quiet.one', () => 1)
  const scene = poolOf(app)
  await scene.pool.start()
  try {
    await expect.poll(() => scene.pool.lag).toBeDefined()
    expect(startThread).not.toHaveBeenCalled()
    for (let i = 0; i < 3; i++) expect(await scene.run('quiet.one', [])).toMatchObject({ state: 'SUCCESS' })
    expect(startThread).toHaveBeenCalledOnce()
  } finally {
    await scene.pool.stop()
  }
})

test('a resource that is opened before the first task is looked at too', async () => {
  const app = lovage('eager', {}, { env: {} })
  const follow = vi.spyOn(StallWatch.prototype, 'follow')
  const calls: number[] = []
  app.resource('eager', { eager: true, open: () => void calls.push(follow.mock.calls.length) })
  const scene = poolOf(app)
  try {
    await scene.pool.start()
    expect(calls).toEqual([1])
  } finally {
    follow.mockRestore()
    await scene.pool.stop()
  }
})
