import type { Answer, Operation, TableValue } from '../../src/broker/embedded/tables/operation.ts'

/** Calendar and monotonic time, as the tables see them. */
export interface ModelTime {
  now(): number
  monotonic(): number
}

interface Mortal {
  endsMs: number
}
interface ModelLog extends Mortal {
  entries: { position: number; value: TableValue }[]
  first: number
  last: number
  dropped: number
}
interface ModelDue {
  id: string
  value: TableValue
  atMs: number
  version: number
  takes: number
  claimedUntilMs: number
}

/** Shared state in the plainest way that can be written down: what the tables are held against. */
export class StoreModel {
  #time: ModelTime
  #number = 0
  #values = new Map<string, Mortal & { value: TableValue; version: number }>()
  #counters = new Map<string, Mortal & { value: number; members: string[] }>()
  #leases: (Mortal & { key: string; holder: string; token: number })[] = []
  #logs = new Map<string, ModelLog>()
  #dues = new Map<string, ModelDue[]>()

  constructor(time: ModelTime) {
    this.#time = time
  }

  apply(operation: Operation): Answer {
    const nowMs = this.#time.monotonic()
    for (const map of [this.#values, this.#counters, this.#logs]) {
      for (const [key, { endsMs }] of map) if (endsMs <= nowMs) map.delete(key)
    }
    this.#leases = this.#leases.filter(({ endsMs }) => endsMs > nowMs)
    return (this[operation.op] as (asked: never) => Answer)(operation as never)
  }

  private get({ key }: Operation<'get'>): Answer<'get'> {
    const there = this.#values.get(key)
    return there ? { value: there.value, version: there.version } : null
  }

  private set({ key, value, ttlMs, ifVersion }: Operation<'set'>): Answer<'set'> {
    const there = this.#values.get(key)
    if (ifVersion !== undefined && (there?.version ?? 0) !== ifVersion) {
      return { version: 0, there: this.get({ op: 'get', key }) }
    }
    const version = ++this.#number
    this.#values.set(key, { value, version, endsMs: this.#time.monotonic() + ttlMs })
    return { version, there: null }
  }

  private forget({ key, ifVersion }: Operation<'forget'>): boolean {
    if (ifVersion !== undefined && (this.#values.get(key)?.version ?? 0) !== ifVersion) return false
    return [this.#values.delete(key), this.#counters.delete(key), this.#logs.delete(key)].includes(true)
  }

  private count({ key, by, ttlMs, renew, max = Infinity, member }: Operation<'count'>): Answer<'count'> {
    const nowMs = this.#time.monotonic()
    const there = this.#counters.get(key)
    const value = (there?.value ?? 0) + by
    const isCounted = by !== 0 && value <= max && !(member !== undefined && there?.members.includes(member))
    if (isCounted) {
      const members = [...(there?.members ?? []), ...(member === undefined ? [] : [member])]
      this.#counters.set(key, { value, members, endsMs: there && !renew ? there.endsMs : nowMs + ttlMs })
    }
    const counter = this.#counters.get(key)
    return { value: counter?.value ?? 0, isCounted, expiresInMs: counter ? Math.ceil(counter.endsMs - nowMs) : 0 }
  }

  private lease({ key, holder, ttlMs, slots }: Operation<'lease'>): Answer<'lease'> {
    const nowMs = this.#time.monotonic()
    const holders = this.#leases.filter((lease) => lease.key === key)
    const own = holders.find((lease) => lease.holder === holder)
    if (!own && holders.length >= slots) {
      return { token: 0, freeInMs: Math.ceil(Math.min(...holders.map(({ endsMs }) => endsMs)) - nowMs) }
    }
    const lease = own ?? { key, holder, token: ++this.#number, endsMs: 0 }
    lease.endsMs = nowMs + ttlMs
    if (!own) this.#leases.push(lease)
    return { token: lease.token, freeInMs: 0 }
  }

  private renew({ key, holder, token, ttlMs }: Operation<'renew'>): boolean {
    const own = this.#leases.find((lease) => lease.key === key && lease.holder === holder && lease.token === token)
    if (own) own.endsMs = this.#time.monotonic() + ttlMs
    return own !== undefined
  }

  private release({ key, holder, token }: Operation<'release'>): boolean {
    const before = this.#leases.length
    this.#leases = this.#leases.filter((one) => one.key !== key || one.holder !== holder || one.token !== token)
    return this.#leases.length < before
  }

  private append({ key, value, ttlMs, maxEntries, ifLast }: Operation<'append'>): number {
    const there = this.#logs.get(key)
    if (ifLast !== undefined && (there?.last ?? 0) !== ifLast) return 0
    const position = ++this.#number
    const log = there ?? { entries: [], first: position, last: 0, dropped: 0, endsMs: 0 }
    this.#logs.set(key, log)
    log.entries.push({ position, value })
    log.last = position
    log.endsMs = this.#time.monotonic() + ttlMs
    this.#drop(log, (index) => index < log.entries.length - maxEntries)
    return position
  }

  private read({ key, after, limit }: Operation<'read'>): Answer<'read'> {
    const log = this.#logs.get(key)
    if (!log) return { entries: [], last: 0, isGapped: after > 0 }
    const entries = log.entries.filter(({ position }) => position > after).slice(0, limit)
    // Of what went before this log was made nothing is known, but that it is not here.
    const isGapped = after === 0 ? log.dropped > 0 : after < Math.max(log.first, log.dropped)
    return { entries, last: log.last, isGapped }
  }

  private trim({ key, through }: Operation<'trim'>): null {
    const log = this.#logs.get(key)
    if (log) this.#drop(log, (index) => (log.entries[index]?.position ?? 0) <= through)
    return null
  }

  private put({ key, id, atMs, value, ifVersion }: Operation<'put'>): number {
    const list = this.#dues.get(key) ?? []
    const there = list.find((entry) => entry.id === id)
    if (ifVersion !== undefined && (there?.version ?? 0) !== ifVersion) return 0
    if (value === undefined && !there) return 0
    const kept = value ?? (there as ModelDue).value
    const takes = value === undefined ? (there as ModelDue).takes : 0
    const version = ++this.#number
    const entry = { id, value: kept, atMs, version, takes, claimedUntilMs: 0 }
    this.#dues.set(key, [...list.filter((other) => other !== there), entry])
    return version
  }

  private remove({ key, id, ifVersion }: Operation<'remove'>): boolean {
    const list = this.#dues.get(key) ?? []
    const rest = list.filter((entry) => entry.id !== id || (ifVersion !== undefined && entry.version !== ifVersion))
    this.#dues.set(key, rest)
    return rest.length < list.length
  }

  private take({ key, claimMs, limit }: Operation<'take'>): Answer<'take'> {
    const nowMs = this.#time.monotonic()
    const list = this.#sorted(key)
    const canTake = (entry: ModelDue): boolean => entry.claimedUntilMs <= nowMs && entry.atMs <= this.#time.now()
    const taken = list.filter(canTake).slice(0, limit)
    for (const entry of taken) {
      Object.assign(entry, { version: ++this.#number, takes: entry.takes + 1, claimedUntilMs: nowMs + claimMs })
    }
    const waits = list.map(({ atMs, claimedUntilMs }) =>
      claimedUntilMs > nowMs ? claimedUntilMs - nowMs : Math.max(0, atMs - this.#time.now()),
    )
    const nextInMs = Math.ceil(Math.min(...waits))
    return { entries: taken.map(shown), nextInMs: nextInMs === Infinity ? null : nextInMs }
  }

  private list({ key, after, limit }: Operation<'list'>): Answer<'list'> {
    const isBehind = (entry: ModelDue): boolean => !after || order(entry, after) > 0
    return this.#sorted(key).filter(isBehind).slice(0, limit).map(shown)
  }

  #sorted(key: string): ModelDue[] {
    return [...(this.#dues.get(key) ?? [])].sort(order)
  }

  #drop(log: ModelLog, isGone: (index: number) => boolean): void {
    const gone = log.entries.filter((_, index) => isGone(index))
    log.entries = log.entries.filter((_, index) => !isGone(index))
    log.dropped = gone.at(-1)?.position ?? log.dropped
  }
}

function order(a: { atMs: number; id: string }, b: { atMs: number; id: string }): number {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs ? -1 : 1
  return Buffer.compare(Buffer.from(a.id), Buffer.from(b.id))
}

function shown({ id, value, atMs, version, takes }: ModelDue): Answer<'list'>[number] {
  return { id, value, atMs, version, takes }
}
