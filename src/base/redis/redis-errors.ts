import { RedisLostError, RedisReplyError } from './redis-connection.ts'

/** Answers of a server that cannot write now and will be able to, or another in its place: the connection is of no use. */
const PASSING = ['READONLY', 'LOADING', 'MASTERDOWN', 'BUSY', 'UNBLOCKED', 'CLUSTERDOWN', 'TRYAGAIN', 'NOREPLICAS']

/** Answers to a login, or to all that a user may not do. */
const REFUSALS = ['NOAUTH', 'WRONGPASS', 'NOPERM', 'DENIED']

/** Answers of a server that has no room: in memory, or on the disk. */
const FULL = ['OOM', 'MISCONF']

/** Whether the same may work soon, over another connection. */
export function isPassing(error: unknown): boolean {
  return error instanceof RedisReplyError && PASSING.includes(error.code)
}

export function isLost(error: unknown): boolean {
  return error instanceof RedisLostError
}

/** Whether it will be refused at each try. */
export function isRefusal(error: unknown): error is RedisReplyError {
  if (!(error instanceof RedisReplyError)) return false
  return REFUSALS.includes(error.code) || /invalid password|DB index is out of range|AUTH/.test(error.message)
}

/** Whether there is no room for what was asked, of which nothing was done. */
export function isFull(error: unknown): error is RedisReplyError {
  return error instanceof RedisReplyError && FULL.includes(error.code)
}
