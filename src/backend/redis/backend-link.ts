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

/** What a result backend needs of its Redis. All of it ends together. */
export interface BackendLink extends Kept, Hearing {
  readonly facts: RedisFacts
  run(script: RedisScript, args: readonly RedisArgument[]): Promise<unknown>
  /** As `run`, with bytes for texts in the answer. */
  runRaw(script: RedisScript, args: readonly RedisArgument[]): Promise<unknown>
  call(command: string, args: readonly RedisArgument[]): Promise<unknown>
  close(): void
}

export interface BackendLinkOptions {
  readonly url: RedisUrl
  readonly clock: Clock
  readonly timeoutMs: number
  readonly name: string
  readonly silenceMs: number
  readonly onClosed: (problem: Error) => void
  /** A message of a channel that is subscribed to. */
  readonly onMessage: (channel: string, text: string) => void
}

export type OpenBackendLink = (options: BackendLinkOptions) => Promise<BackendLink>

/** What opens links over such lines. Default: those of this machine's network. */
export function backendLinks(openLine: OpenRedisLine = openRedisLine): OpenBackendLink {
  return (options) => RedisLines.open(options, openLine)
}
