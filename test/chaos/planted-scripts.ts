import type { RedisScript } from '../../src/base/redis/redis-connection.ts'
import { RedisScript as Script } from '../../src/base/redis/redis-connection.ts'
import { DELAY_MOVES } from '../../src/broker/redis/delay-words.ts'
import { MOVES } from '../../src/broker/redis/scripts.ts'

/** Bugs as somebody might write them into the scripts of Redis. Each is put in, and gives back how to take it out. */
export const PLANTED_SCRIPTS: Readonly<Record<string, () => () => void>> = {
  'takes what it acknowledges out of the index alone': () =>
    plant(['ack', 'take'], "redis.call('HDEL', UNACKED, unpack(ARGV, from, to))", ''),
  'loses what it puts back': () =>
    plant(['restore'], "redis.call('RPUSH', P .. one[1]", "redis.call('LPUSH', 'nowhere'"),
  'leaves every fifth message that it hands out in its list': () =>
    plant(
      ['take'],
      'count, bytes = count + 1, bytes + #text',
      "if (first + count) % 5 == 0 then redis.call('LPUSH', P .. ARGV[i] .. STEPS[step], text) end count = count + 1",
    ),
}

/** The same, in those that keep what is for later. */
export const PLANTED_LATER_SCRIPTS: Readonly<Record<string, () => () => void>> = {
  'forgets what is due where it should put it into its queue': () =>
    plant(['move'], "redis.call('LPUSH', list, string.sub(texts[i], 2))", '', DELAY_MOVES),
  'moves what is due again and again': () =>
    plant(
      ['move'],
      "redis.call('HDEL', own('delayed', queue), id)\n    redis.call('ZREM', own('due', queue), id)",
      '',
      DELAY_MOVES,
    ),
}

function plant(
  names: readonly string[],
  right: string,
  wrong: string,
  scripts: Readonly<Record<string, RedisScript>> = MOVES,
): () => void {
  const moves = scripts as Record<string, RedisScript>
  const were = names.map((name) => [name, moves[name] as RedisScript] as const)
  for (const [name, { text }] of were) {
    if (!text.includes(right)) throw new Error(`the script ${name} has no ${right}`)
    moves[name] = new Script(text.replace(right, wrong))
  }
  return () => {
    for (const [name, was] of were) moves[name] = was
  }
}
