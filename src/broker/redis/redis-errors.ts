import { LovageError } from '../../base/errors.ts'
import { RedisReplyError } from '../../base/redis/redis-connection.ts'

/** What the server's refusal of something asked means. Losses of the connection are passed as they are. */
export function serverError(error: unknown, url: string): unknown {
  if (!(error instanceof RedisReplyError)) return error
  return new LovageError('BROKER_REFUSED', { url, problem: error.message })
}
