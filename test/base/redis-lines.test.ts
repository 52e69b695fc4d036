import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import type { OpenRedisLine, RedisConnectionOptions, RedisLine } from '../../src/base/redis/redis-connection.ts'
import { RedisLines } from '../../src/base/redis/redis-lines.ts'
import { parseRedisUrl } from '../../src/base/redis/redis-url.ts'

test('a channel is asked for before what is asked for after it, though over another connection', async () => {
  const asked: string[] = []
  const open: OpenRedisLine = async (): Promise<RedisLine> => ({
    isOpen: true,
    call: async (command) => (asked.push(command), ''),
    run: async () => void asked.push('script'),
    runRaw: async () => undefined,
    subscribe: async ([channel]) => void asked.push(`+${channel}`),
    unsubscribe: async ([channel]) => void asked.push(`-${channel}`),
    close: () => {},
  })
  const options: RedisConnectionOptions = {
    url: parseRedisUrl('redis://127.0.0.1:1/0', 'here', []),
    clock: systemClock,
    timeoutMs: 1000,
    name: 'test',
    silenceMs: 0,
    onClosed: () => {},
  }
  const lines = await RedisLines.open(options, open)
  await lines.subscribe(['one'])
  asked.length = 0
  const all = [lines.unsubscribe(['one']), lines.subscribe(['two']), lines.call('PING', [])]
  expect(asked).toEqual(['-one', '+two', 'PING'])
  await Promise.all(all)
  lines.close()
})
