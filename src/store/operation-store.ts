import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { keyOf, lengthOf, nameOf, numberOf, timeOf, valueOf, wholeOf } from './bounds.ts'
import { copied } from './copied.ts'
import { HeldLease } from './held-lease.ts'
import { LogFollower } from './log-follower.ts'
import type { Operations } from './operations.ts'
import type {
  AppendOptions,
  CountAnswer,
  CountOptions,
  DueEntry,
  DueList,
  Kept,
  LeaseAnswer,
  LeaseOptions,
  Log,
  LogPage,
  PutOptions,
  SetAnswer,
  SetOptions,
  Store,
  StoreValue,
  Taken,
} from './store.ts'

/** What every kind shares: arguments are checked, and become steps for the kind to do. */
export class OperationStore implements Store {
  readonly kind: string
  readonly #clock: Clock
  readonly #operations: Operations
  readonly #maxValueBytes: number

  constructor(clock: Clock, operations: Operations, maxValueBytes: number) {
    this.kind = operations.kind
    this.#clock = clock
    this.#operations = operations
    this.#maxValueBytes = maxValueBytes
  }

  start(): Promise<void> {
    return this.#operations.start()
  }

  stop(): Promise<void> {
    return this.#operations.stop()
  }

  async get(key: string): Promise<Kept | undefined> {
    return (await this.#operations.apply({ op: 'get', key: keyOf('get', key) })) ?? undefined
  }

  async set(key: string, value: StoreValue, { ttlMs, ifVersion }: SetOptions): Promise<SetAnswer> {
    const own = copied(valueOf('set', key, value, this.#maxValueBytes))
    const { version, there } = await this.#operations.apply({
      op: 'set',
      key: keyOf('set', key),
      value: own,
      ttlMs: lengthOf('set', 'ttlMs', ttlMs),
      ifVersion: numberOf('set', 'ifVersion', ifVersion),
    })
    if (version === 0) return { isSet: false, kept: there ?? undefined }
    return { isSet: true, kept: { value: own, version } }
  }

  async forget(key: string, { ifVersion }: { readonly ifVersion?: number } = {}): Promise<boolean> {
    keyOf('forget', key)
    return this.#operations.apply({ op: 'forget', key, ifVersion: numberOf('forget', 'ifVersion', ifVersion) })
  }

  async count(key: string, { ttlMs, by = 1, max, member, renew = false }: CountOptions): Promise<CountAnswer> {
    return this.#operations.apply({
      op: 'count',
      key: keyOf('count', key),
      by: wholeOf('count', 'by', by, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
      ttlMs: lengthOf('count', 'ttlMs', ttlMs),
      renew,
      max: max === undefined || max === Infinity ? undefined : wholeOf('count', 'max', max, ...SAFE),
      member: member === undefined ? undefined : nameOf('count', 'member', member),
    })
  }

  async lease(key: string, { ttlMs, holder = this.#clock.uuid(), slots = 1 }: LeaseOptions): Promise<LeaseAnswer> {
    keyOf('lease', key)
    nameOf('lease', 'holder', holder)
    lengthOf('lease', 'ttlMs', ttlMs)
    wholeOf('lease', 'slots', slots, 1, 10_000)
    const askedMs = this.#clock.monotonic()
    const { token, freeInMs } = await this.#operations.apply({ op: 'lease', key, holder, ttlMs, slots })
    if (token === 0) return { lease: undefined, freeInMs }
    return { lease: new HeldLease(this.#clock, this.#operations, { key, holder, token, ttlMs }, askedMs) }
  }

  log(key: string): Log {
    keyOf('log', key)
    return {
      append: (value, options) => this.#append(key, value, options),
      read: async ({ after = 0, limit = 100 } = {}) => {
        numberOf('log.read', 'after', after)
        wholeOf('log.read', 'limit', limit, 1, 1000)
        return this.#operations.apply({ op: 'read', key, after, limit })
      },
      trim: async (through) => {
        await this.#operations.apply({ op: 'trim', key, through: numberOf('log.trim', 'through', through) })
      },
      listen: (listener, options) => this.#listen(key, listener, options?.after ?? 0),
    }
  }

  due(key: string): DueList {
    keyOf('due', key)
    return {
      put: (id, options) => this.#put(key, id, options),
      remove: async (id, { ifVersion } = {}) => {
        nameOf('due.remove', 'id', id)
        return this.#operations.apply({
          op: 'remove',
          key,
          id,
          ifVersion: numberOf('due.remove', 'ifVersion', ifVersion),
        })
      },
      take: (options) => this.#take(key, options),
      list: (options) => this.#list(key, options),
      onDue: (listener) => this.#operations.watch('due', key, () => tellDue(key, listener)),
    }
  }

  async #append(key: string, value: StoreValue, options: AppendOptions): Promise<number | undefined> {
    const { ttlMs, maxEntries, ifLast } = options
    const position = await this.#operations.apply({
      op: 'append',
      key,
      value: valueOf('log.append', key, value, this.#maxValueBytes),
      ttlMs: lengthOf('log.append', 'ttlMs', ttlMs),
      maxEntries: wholeOf('log.append', 'maxEntries', maxEntries, 1, 100_000),
      ifLast: numberOf('log.append', 'ifLast', ifLast),
    })
    return position === 0 ? undefined : position
  }

  async #listen(key: string, listener: (page: LogPage) => void | Promise<void>, after: number): Promise<() => void> {
    numberOf('log.listen', 'after', after)
    const follower = new LogFollower(this.#clock, this.#operations, key, after, listener)
    await follower.start()
    return () => follower.end()
  }

  async #put(key: string, id: string, { atMs, value, ifVersion }: PutOptions): Promise<number | undefined> {
    const version = await this.#operations.apply({
      op: 'put',
      key,
      id: nameOf('due.put', 'id', id),
      atMs: timeOf('due.put', atMs),
      value: value === undefined ? undefined : valueOf('due.put', key, value, this.#maxValueBytes),
      ifVersion: numberOf('due.put', 'ifVersion', ifVersion),
    })
    return version === 0 ? undefined : version
  }

  async #take(key: string, { claimMs, limit = 100 }: Parameters<DueList['take']>[0]): Promise<Taken> {
    lengthOf('due.take', 'claimMs', claimMs)
    wholeOf('due.take', 'limit', limit, 1, 1000)
    const { entries, nextInMs } = await this.#operations.apply({ op: 'take', key, claimMs, limit })
    return { entries, nextInMs: nextInMs ?? undefined }
  }

  async #list(
    key: string,
    { after, limit = 100 }: NonNullable<Parameters<DueList['list']>[0]> = {},
  ): Promise<readonly DueEntry[]> {
    wholeOf('due.list', 'limit', limit, 1, 1000)
    if (!after) return this.#operations.apply({ op: 'list', key, limit })
    const [atMs, id] = [timeOf('due.list', after.atMs), nameOf('due.list', 'after.id', after.id)]
    return this.#operations.apply({ op: 'list', key, after: { atMs, id }, limit })
  }
}

const SAFE = [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER] as const

function tellDue(key: string, listener: () => void): void {
  try {
    listener()
  } catch (error) {
    log('error', 'store', 'listener of a due list threw', { key, error: messageOf(error) })
  }
}
