import { describe, expect, test } from 'vitest'
import { RedisLostError, RedisReplyError } from '../../src/base/redis/redis-connection.ts'
import { isFull, isLost, isPassing, isRefusal } from '../../src/base/redis/redis-errors.ts'

const kinds = (error: unknown): string[] => {
  const all = { passing: isPassing, refusal: isRefusal, full: isFull, lost: isLost }
  return Object.entries(all)
    .filter(([, is]) => is(error))
    .map(([name]) => name)
}

describe('what a Redis answers means', () => {
  test.each([
    ["READONLY You can't write against a read only replica. script: 1f2, on @user_script:12.", 'READONLY', 'passing'],
    ['LOADING Redis is loading the dataset in memory', 'LOADING', 'passing'],
    ['UNBLOCKED force unblock from blocking operation, instance state changed', 'UNBLOCKED', 'passing'],
    ['WRONGPASS invalid username-password pair or user is disabled.', 'WRONGPASS', 'refusal'],
    ['ERR invalid password', 'ERR', 'refusal'],
    ['ERR DB index is out of range', 'ERR', 'refusal'],
    ["OOM command not allowed when used memory > 'maxmemory'. script: 1f2, on @user_script:3.", 'OOM', 'full'],
    ['MISCONF Errors writing to the AOF file: No space left on device', 'MISCONF', 'full'],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', 'WRONGTYPE', undefined],
  ])('%s', (message, code, kind) => {
    const error = new RedisReplyError(message)
    expect([error.code, kinds(error)]).toEqual([code, kind === undefined ? [] : [kind]])
  })

  test.each([
    ["-OOM command not allowed when used memory > 'maxmemory'.", 'OOM', 'full'],
    ["-READONLY You can't write against a read only replica.", 'READONLY', 'passing'],
  ])('of a command in a script, as servers before 7 wrap it: %s', (message, code, kind) => {
    const wrapped = `ERR Error running script (call to f_1f2): @user_script:1: @user_script: 12: ${message}`
    const error = new RedisReplyError(wrapped)
    expect([error.code, kinds(error)]).toEqual([code, [kind]])
  })

  test('a connection that is lost is no answer', () => {
    expect(kinds(new RedisLostError('gone'))).toEqual(['lost'])
  })
})
