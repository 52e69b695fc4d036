import type { Clock } from '../../base/clock.ts'
import type { Kept } from '../../base/keeper.ts'
import {
  type OpenRedisLine,
  openRedisLine,
  type RedisArgument,
  type RedisScript,
} from '../../base/redis/redis-connection.ts'
import type { RedisFacts } from '../../base/redis/redis-info.ts'
import { RedisLines } from '../../base/redis/redis-lines.ts'
import type { RedisUrl } from '../../base/redis/redis-url.ts'
import type { Hearing } from '../../base/redis/subscriptions.ts'

/** What a store needs of its Redis. All of it ends together. */
export interface StoreLink extends Kept, Hearing {
  readonly facts: RedisFacts
  /** Runs a script; texts in the answer are bytes. Those of one turn go out together, and are run in order. */
  runRaw(script: RedisScript, args: readonly RedisArgument[]): Promise<unknown>
  close(): void
}

export interface StoreLinkOptions {
  readonly url: RedisUrl
  readonly clock: Clock
  readonly timeoutMs: number
  readonly name: string
  readonly silenceMs: number
  readonly scripts: readonly RedisScript[]
  readonly onClosed: (problem: Error) => void
  /** A message of a channel that is subscribed to. */
  readonly onMessage: (channel: string, text: string) => void
}

export type OpenStoreLink = (options: StoreLinkOptions) => Promise<StoreLink>

/** What opens links over such lines. Default: those of this machine's network. */
export function storeLinks(openLine: OpenRedisLine = openRedisLine): OpenStoreLink {
  return (options) => RedisLines.open(options, openLine)
}
