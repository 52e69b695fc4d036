import type { Service } from '../base/service.ts'

/** What is kept: text comes back as text, bytes as bytes. */
export type StoreValue = string | Uint8Array

/** A value as it is kept. */
export interface Kept {
  readonly value: StoreValue
  /** Changes with every change of the value, and never comes back: not after a deletion, not after a restart. */
  readonly version: number
}

/** How {@link Store.set} is told to. */
export interface SetOptions {
  /** The value goes after so long without a further `set`. 1 ms to 400 days. */
  readonly ttlMs: number
  /** Only when the value there has this version; 0: only when there is none. Default: in any case. */
  readonly ifVersion?: number
}

/** What came of a `set`. */
export interface SetAnswer {
  /** False: `ifVersion` did not hold, and nothing has changed. */
  readonly isSet: boolean
  /** What is there now: the new value, or the one that was in the way. */
  readonly kept: Kept | undefined
}

/** How {@link Store.count} is told to. */
export interface CountOptions {
  /** The counter goes so long after its first count; see `renew`. 1 ms to 400 days. */
  readonly ttlMs: number
  /** Whole number that is added. Default 1. With 0 nothing changes, and no counter is made. */
  readonly by?: number
  /** What would make the counter larger than this is not counted. */
  readonly max?: number
  /** Counts once: a second count of the same member changes nothing. At most 100,000 a counter. */
  readonly member?: string
  /** The time to live begins anew with this count. Default false: it runs from the first. */
  readonly renew?: boolean
}

/** What came of a `count`. */
export interface CountAnswer {
  /** As the counter stands now. 0 when there is none. */
  readonly value: number
  /** False: the member had been counted, `max` was in the way, or `by` was 0. */
  readonly isCounted: boolean
  /** Time it has left. 0 when there is no counter. */
  readonly expiresInMs: number
}

/** How {@link Store.lease} is told to. */
export interface LeaseOptions {
  /** It ends by itself so long after it was given or renewed. 1 ms to 400 days. */
  readonly ttlMs: number
  /**
   * Who takes it. One who holds it already gets the same lease again, with the same token and a full time: so asking
   * again after an answer was lost is safe. Default: a name that nobody else has.
   */
  readonly holder?: string
  /** It is given when fewer than so many hold it: 1 is a lock, more are places. 1 to 10,000. Default 1. */
  readonly slots?: number
}

/** What came of asking for a lease. */
export type LeaseAnswer =
  | { readonly lease: Lease }
  /** Others hold it; the first of them ends after so long, if it is not renewed. */
  | { readonly lease: undefined; readonly freeInMs: number }

/** A lease that was given. */
export interface Lease {
  readonly key: string
  readonly holder: string
  /**
   * Larger than every token given before under this key. A resource that refuses tokens smaller than one it has seen is
   * safe from a holder that has slept through the end of its lease.
   */
  readonly token: number
  /**
   * True as long as it cannot have ended: its time is measured here, from before it was asked for. It may be false a
   * little too early; that it is true says nothing of the next instant of a process that is stopped.
   */
  readonly isHeld: boolean
  /** Gives it its full time again. False: it has ended or was released, and somebody else may have it. */
  renew(): Promise<boolean>
  /** Gives it back. False: it was not ours any more. */
  release(): Promise<boolean>
}

/** How {@link Log.append} is told to. */
export interface AppendOptions {
  /** The log goes so long after its last entry. 1 ms to 400 days. */
  readonly ttlMs: number
  /** Of more entries than these the oldest go. 1 to 100,000. */
  readonly maxEntries: number
  /** Only when the last entry has this position; 0: only when there is no log. For one writer to know who was before. */
  readonly ifLast?: number
}

/** One entry of a log. */
export interface LogEntry {
  /** Rises with each entry; not by one. Never used again, not even by a later log of the same key. */
  readonly position: number
  readonly value: StoreValue
}

/** A piece of a log. */
export interface LogPage {
  /** In order. */
  readonly entries: readonly LogEntry[]
  /** Position of the last entry that was ever appended to this log; 0 when there is no log. */
  readonly last: number
  /** Entries behind the position that was asked for have gone unread: the log was capped, trimmed, or has expired. */
  readonly isGapped: boolean
}

/** An ordered log: what is appended by whoever is read by all in one order. */
export interface Log {
  /** Resolves with the position of the new entry; undefined when `ifLast` did not hold. */
  append(value: StoreValue, options: AppendOptions): Promise<number | undefined>
  /**
   * The entries after a position, default 0: from the beginning. At most `limit` (default 100, 1 to 1000), and no more
   * than about 1 MiB; one at least where there is one.
   */
  read(options?: { readonly after?: number; readonly limit?: number }): Promise<LogPage>
  /** Drops the entries up to this position, itself included. */
  trim(through: number): Promise<void>
  /**
   * Calls `listener` with every entry after a position (default 0), in order, none twice, across lost connections: first
   * with those that are there, then with new ones as they come. It is not called again before what it returned has
   * settled, so it sets the pace. Resolves when no entry can be missed any more; the function it gives ends it.
   */
  listen(listener: (page: LogPage) => void | Promise<void>, options?: { readonly after?: number }): Promise<() => void>
}

/** One entry of a due list. */
export interface DueEntry {
  readonly id: string
  readonly value: StoreValue
  /** When it is due: milliseconds since 1970, on the store's clock. */
  readonly atMs: number
  /** Changes with every `put` and every `take` of it: settling with the version that `take` gave is safe. */
  readonly version: number
  /** How often it was taken since it was put with a value. */
  readonly takes: number
}

/** How {@link DueList.put} is told to. */
export interface PutOptions {
  /** When it is due: milliseconds since 1970; Infinity is never. */
  readonly atMs: number
  /** Undefined leaves the value as it is; where there is no entry nothing is put then. */
  readonly value?: StoreValue
  /** Only when the entry has this version; 0: only when there is none. Default: in any case. */
  readonly ifVersion?: number
}

/** What {@link DueList.take} gives. */
export interface Taken {
  /** Earliest first; of the same time, by id. */
  readonly entries: readonly DueEntry[]
  /**
   * No other can be taken before this time has passed: the next is due then, or its claim ends. 0 when some could be taken
   * now, undefined when none waits.
   */
  readonly nextInMs: number | undefined
}

/** A due list: what is to be done at some time, by one of many. At most 1,000,000 entries. */
export interface DueList {
  /**
   * Adds an entry, or replaces the one of this id. Whoever has taken the one before can no longer settle it. Resolves
   * with the new version; undefined when `ifVersion` did not hold, or there was no value to leave as it is.
   */
  put(id: string, options: PutOptions): Promise<number | undefined>
  /** Removes an entry. False: there was none, or none of this version. */
  remove(id: string, options?: { readonly ifVersion?: number }): Promise<boolean>
  /**
   * Takes what is due: nobody else gets it for `claimMs` (1 ms to 400 days). Who has done it removes it (or puts it at
   * another time) with its version; an entry that is not settled in time is due again. At most `limit` (default 100, 1 to
   * 1000), and no more than about 1 MiB; one at least where there is one.
   */
  take(options: { readonly claimMs: number; readonly limit?: number }): Promise<Taken>
  /**
   * What is in the list, taken or not, by time and id, from behind `after` on. At most `limit` (default 100, 1 to 1000),
   * and no more than about 1 MiB.
   */
  list(options?: {
    readonly after?: Pick<DueEntry, 'atMs' | 'id'>
    readonly limit?: number
  }): Promise<readonly DueEntry[]>
  /**
   * Calls `listener` when something can be taken. One call may stand for many entries, and some calls for none: take until
   * nothing comes. Resolves when nothing can be missed any more; the function it gives ends it.
   */
  onDue(listener: () => void): Promise<() => void>
}

/**
 * State that several processes share and must agree on. The seam that every kind of store fills;
 * `testing/store-suite.ts` says what holds for all.
 *
 * **Atomic.** Every call is one step: it happens as a whole, at one point of time between call and answer, or not at all.
 * No two keys are changed in one step. Who reads after a change was answered sees it, or what came after.
 *
 * **Durable.** A change is answered when it outlives what the kind promises to outlive (docs/guide-store.md). A call that
 * fails with `STORE_UNREACHABLE` may have happened; all others that fail have not. `set` with `ifVersion`, `count` with
 * `member`, `lease` with `holder`, `append` with `ifLast` and `put` are made so that they can be asked again.
 *
 * **Ordered.** The calls of one process take effect in the order in which they were made, as long as none fails.
 *
 * **Time is the store's own.** Lengths of time (`ttlMs`, `claimMs`) run on its clock, which does not jump while it runs,
 * and across its restarts by the calendar. Points of time (`atMs`) are compared with its calendar clock.
 *
 * **Bounded.** Whatever is kept has a time to live, but for due lists, which are bounded in number. A store that is full
 * refuses what makes it larger with `STORE_FULL`, and never evicts.
 *
 * Values, counters, leases, logs and due lists are five separate spaces of keys. A key is `<namespace>:<rest>`: the
 * namespace says whose it is (a small letter, then small letters, digits and dashes, up to 32), all of it at most 512
 * bytes without control characters. Ids, members and holders are at most 512 bytes. All calls throw `OPTION_INVALID` for
 * arguments outside of their bounds, `STORE_VALUE_TOO_LARGE`, and `STORE_CLOSED` on a store that is not started, or
 * stopped.
 */
export interface Store extends Service {
  readonly kind: string
  /** The value of a key. */
  get(key: string): Promise<Kept | undefined>
  /** Compare-and-set: keeps a value, or tells what is in the way. */
  set(key: string, value: StoreValue, options: SetOptions): Promise<SetAnswer>
  /** Adds to a counter, and tells where it stands. */
  count(key: string, options: CountOptions): Promise<CountAnswer>
  /** Asks for a lease. Does not wait for it. */
  lease(key: string, options: LeaseOptions): Promise<LeaseAnswer>
  /** The ordered log of a key. Made with its first entry. */
  log(key: string): Log
  /** The due list of a key. */
  due(key: string): DueList
  /**
   * Drops value, counter and log of a key before their time; leases and due lists stay. With `ifVersion` only when the
   * value has this version. False: there was nothing to drop.
   */
  forget(key: string, options?: { readonly ifVersion?: number }): Promise<boolean>
}
