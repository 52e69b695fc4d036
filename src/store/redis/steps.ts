import { LovageError } from '../../base/errors.ts'
import type { RedisArgument, RedisScript } from '../../base/redis/redis-connection.ts'
import type { Answer, Operation, OperationName } from '../operations.ts'
import type { DueEntry, Kept, StoreValue } from '../store.ts'
import { list, put, remove, take } from './due-scripts.ts'
import { append, read, trim } from './log-scripts.ts'
import { count, forget, get, lease, release, renew, set } from './value-scripts.ts'

/** One kind of operation as the server does it. */
interface Step<Name extends OperationName> {
  readonly script: RedisScript
  /** Its arguments behind prefix and key. */
  args(operation: Operation<Name>): readonly RedisArgument[]
  /** What the reply means. @throws LovageError `STORE_FULL`, `OPTION_INVALID` */
  answer(reply: Reply, operation: Operation<Name>): Answer<Name>
}

/** Texts come as bytes. */
type Reply = null | number | Buffer | readonly Reply[]

const isDone = (reply: Reply): boolean => reply === 1

/** What the server runs for each operation. */
export const STEPS: { readonly [Name in OperationName]: Step<Name> } = {
  get: {
    script: get,
    args: () => [],
    answer: (reply) => (reply === null ? null : keptOf(reply)),
  },
  set: {
    script: set,
    args: ({ value, ttlMs, ifVersion }) => [kept(value), length(ttlMs), maybe(ifVersion)],
    answer: (reply) => {
      const [version, ...there] = reply as [number, ...Reply[]]
      return { version, there: there.length === 0 ? null : keptOf(there) }
    },
  },
  forget: { script: forget, args: ({ ifVersion }) => [maybe(ifVersion)], answer: isDone },
  count: {
    script: count,
    args: ({ by, ttlMs, renew: isRenewed, max, member }) => {
      return [by, length(ttlMs), isRenewed ? 1 : 0, maybe(max), member ?? '']
    },
    answer: countOf,
  },
  lease: {
    script: lease,
    args: ({ holder, ttlMs, slots }) => [holder, ttlMs, slots],
    answer: (reply) => {
      const [token, freeInMs] = reply as [number, number]
      return { token, freeInMs }
    },
  },
  renew: { script: renew, args: ({ holder, token, ttlMs }) => [holder, token, ttlMs], answer: isDone },
  release: { script: release, args: ({ holder, token }) => [holder, token], answer: isDone },
  append: {
    script: append,
    args: ({ value, ttlMs, maxEntries, ifLast }) => [kept(value), length(ttlMs), maxEntries, maybe(ifLast)],
    answer: Number,
  },
  read: {
    script: read,
    args: ({ after, limit }) => [after, limit],
    answer: (reply) => {
      const [last, isGapped, ...flat] = reply as [number, number, ...Reply[]]
      const entries = byFew(flat, 2).map(([position, value]) => ({ position: Number(position), value: valueOf(value) }))
      return { entries, last, isGapped: isGapped === 1 }
    },
  },
  trim: { script: trim, args: ({ through }) => [through], answer: () => null },
  put: {
    script: put,
    args: ({ id, atMs, value, ifVersion }) => {
      return [id, point(atMs), maybe(ifVersion), ...(value === undefined ? [] : [kept(value)])]
    },
    answer: (reply, { key }) => {
      if (typeof reply === 'number') return reply
      throw new LovageError('STORE_FULL', { problem: `due list ${key} has 1000000 entries, the limit` })
    },
  },
  remove: { script: remove, args: ({ id, ifVersion }) => [id, maybe(ifVersion)], answer: isDone },
  take: {
    script: take,
    args: ({ claimMs, limit }) => [claimMs, limit],
    answer: (reply) => {
      const [nextInMs, ...flat] = reply as [number, ...Reply[]]
      return { entries: duesOf(flat), nextInMs: nextInMs < 0 ? null : nextInMs }
    },
  },
  list: {
    script: list,
    args: ({ after, limit }) => [limit, ...(after ? [point(after.atMs), after.id] : [])],
    answer: (reply) => duesOf(reply as readonly Reply[]),
  },
}

function countOf(reply: Reply, { key }: Operation<'count'>): Answer<'count'> {
  const [first, isCounted, expiresInMs] = reply as [Buffer, number?, number?]
  const value = first.toString()
  if (expiresInMs !== undefined) return { value: Number(value), isCounted: isCounted === 1, expiresInMs }
  if (value === 'members') {
    throw new LovageError('STORE_FULL', { problem: `counter ${key} has 100000 members, the limit` })
  }
  const problem = `would bring the counter to ${value}, which is no safe integer`
  throw new LovageError('OPTION_INVALID', { option: 'by', where: 'store.count', problem, fix: 'Count by less' })
}

function keptOf(reply: Reply): Kept {
  const [version, value] = reply as [number, Reply]
  return { version, value: valueOf(value) }
}

function duesOf(flat: readonly Reply[]): DueEntry[] {
  return byFew(flat, 5).map(([id, atMs, version, takes, value]) => ({
    id: String(id),
    value: valueOf(value),
    atMs: String(atMs) === 'inf' ? Infinity : Number(String(atMs)),
    version: version as number,
    takes: takes as number,
  }))
}

function byFew(flat: readonly Reply[], size: number): Reply[][] {
  return Array.from({ length: flat.length / size }, (_, nth) => flat.slice(nth * size, (nth + 1) * size))
}

/** Text and bytes are told apart by the letter in front. */
function kept(value: StoreValue): string | Buffer {
  return typeof value === 'string' ? `t${value}` : Buffer.concat([Buffer.from('b'), value])
}

function valueOf(reply: Reply | undefined): StoreValue {
  const bytes = reply as Buffer
  return bytes[0] === 0x74 ? bytes.toString('utf8', 1) : new Uint8Array(bytes.subarray(1))
}

function maybe(number: number | undefined): string {
  return number === undefined ? '' : String(number)
}

/** The server's own times to live are whole. */
function length(ms: number): number {
  return Math.ceil(ms)
}

function point(ms: number): string {
  return ms === Infinity ? 'inf' : String(ms)
}
