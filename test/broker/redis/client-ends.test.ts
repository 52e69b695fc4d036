import { join } from 'node:path'
import { expect, test } from 'vitest'
import { describeWith } from '../../services/available.ts'
import { startChild } from '../../services/child.ts'
import { RedisScene } from '../../services/redis-scene.ts'

const ROOT = join(import.meta.dirname, '../../..')

/** A connection that was lost must not keep a program from ending: no socket, no timer, no promise of it. */
describeWith(['redis'], 'a program that has lost its Redis ends by itself', () => {
  const redis = new RedisScene()

  const ways: [how: string, lose: () => Promise<unknown>, mend?: () => Promise<unknown>][] = [
    [
      'its connections reset, and new ones refused',
      async () => {
        redis.proxy.mode = 'refusing'
        redis.proxy.cut()
      },
    ],
    ['the server killed', () => redis.node.kill(), () => redis.node.start()],
  ]

  test.each(ways)(
    '%s',
    async (_, lose, mend) => {
      const env = { REDIS_URL: redis.proxyUrl() }
      const script = ['scripts/run-ts.mjs', 'test/broker/redis/client-process.ts']
      const child = startChild(process.execPath, script, { cwd: ROOT, env, name: 'client' })
      try {
        await child.line('ready', { timeoutMs: 60_000 })
        await lose()
        await child.line('closed', { timeoutMs: 30_000 })
        expect((await child.ended()).code).toBe(0)
        expect(child.lines).toContain('waited: BROKER_CLOSED')
      } finally {
        await child.kill()
        await mend?.()
      }
    },
    120_000,
  )
})
