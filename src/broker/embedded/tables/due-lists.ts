import type { Due } from '../../../base/due-heap.ts'
import { LovageError } from '../../../base/errors.ts'
import { compareText } from './compare-text.ts'
import type { Ground } from './ground.ts'
import { FAMILY, type Item } from './item.ts'
import type { Answer, Operation, TableDue } from './operation.ts'
import { OrderedHeap, type Placed } from './ordered-heap.ts'
import { pageOf } from './page.ts'

const MOST_ENTRIES = 1_000_000

/** The calendar clock may jump: what is due by it is looked at so often at least. */
const LOOK_AGAIN_MS = 60_000

interface Entry extends Placed {
  /** Its value is in this one. */
  body: Item
  /** Written when time or claim have changed without the value. */
  state: Item | undefined
}

interface List {
  readonly key: string
  readonly entries: Map<string, Entry>
  /** By time and id. */
  readonly waiting: OrderedHeap<Entry>
  /** By the end of their claims. */
  readonly claimed: OrderedHeap<Entry>
  due: Due | undefined
  /** Watchers know that something can be taken, and nobody has taken since. */
  isTold: boolean
}

/** Of the numbers: when it is due by the calendar, version, takes, and how long it is claimed for. Of the times: until when. */
const AT = 0
const VERSION = 1
const TAKES = 2
const CLAIM = 3

/** Due lists. */
export class DueLists {
  readonly #ground: Ground
  readonly #lists = new Map<string, List>()

  constructor(ground: Ground) {
    this.#ground = ground
  }

  get size(): number {
    return this.#lists.size
  }

  put({ key, id, atMs, value, ifVersion }: Operation<'put'>): number {
    const list = this.#lists.get(key)
    const entry = list?.entries.get(id)
    if (ifVersion !== undefined && versionOf(entry) !== ifVersion) return 0
    if (value === undefined && !entry) return 0
    if (value !== undefined) this.#admit(key, id, value, list, entry)
    const version = this.#ground.next()
    const numbers = [atMs, version, value === undefined ? (entry as Entry).body.numbers[TAKES] : 0, 0] as number[]
    if (value === undefined) this.#change(list as List, entry as Entry, numbers, 0)
    else this.#replace(list ?? this.#make(key), entry, { family: FAMILY.due, key, sub: id, numbers, times: [0], value })
    this.#arm(this.#lists.get(key) as List)
    return version
  }

  remove({ key, id, ifVersion }: Operation<'remove'>): boolean {
    const list = this.#lists.get(key)
    const entry = list?.entries.get(id)
    if (!list || !entry || (ifVersion !== undefined && versionOf(entry) !== ifVersion)) return false
    this.#take(list, entry)
    list.entries.delete(id)
    // The record of the one says it for both.
    if (entry.state) this.#ground.lapse(entry.state)
    this.#ground.drop(entry.body)
    if (list.entries.size > 0) return true
    list.due?.cancel()
    this.#lists.delete(key)
    return true
  }

  take({ key, claimMs, limit }: Operation<'take'>): Answer<'take'> {
    const list = this.#lists.get(key)
    if (!list) return { entries: [], nextInMs: null }
    this.#releaseClaims(list)
    const due: Entry[] = []
    const now = this.#ground.clock.now()
    while (due.length < limit && list.waiting.first && atOf(list.waiting.first) <= now) {
      due.push(list.waiting.shift() as Entry)
    }
    const taken = pageOf(due, limit, ({ body }) => body)
    for (const entry of due.slice(taken.length)) list.waiting.add(entry)
    const untilMs = this.#ground.clock.monotonic() + claimMs
    for (const entry of taken) {
      const [atMs = 0, , takes = 0] = entry.body.numbers
      this.#change(list, entry, [atMs, this.#ground.next(), takes + 1, claimMs], untilMs)
    }
    list.isTold = false
    this.#arm(list)
    const nextInMs = this.#nextInMs(list)
    return { entries: taken.map(dueOf), nextInMs: nextInMs === Infinity ? null : nextInMs }
  }

  list({ key, after, limit }: Operation<'list'>): TableDue[] {
    const last = after && { atMs: after.atMs, id: after.id }
    // The first so many of them all, without sorting them all: the last of these is on top.
    const first = new OrderedHeap<Placed & { readonly entry: Entry }>((a, b) => isBefore(b.entry, a.entry))
    for (const entry of this.#lists.get(key)?.entries.values() ?? []) {
      if (last && compare(atOf(entry), entry.body.sub, last.atMs, last.id) <= 0) continue
      if (first.size >= limit && first.first && !isBefore(entry, first.first.entry)) continue
      first.add({ place: -1, entry })
      if (first.size > limit) first.shift()
    }
    const found: Entry[] = []
    for (let next = first.shift(); next; next = first.shift()) found.push(next.entry)
    return pageOf(found.reverse(), limit, ({ body }) => body).map(dueOf)
  }

  /** Somebody watches from now on. */
  watched(key: string): void {
    const list = this.#lists.get(key)
    if (!list) return
    list.isTold = false
    this.#arm(list)
  }

  /** Values and states of all lists, oldest record first. */
  restore(bodies: Iterable<Item>, states: Iterable<Item>): void {
    for (const body of bodies) {
      this.#ground.restore(body)
      const list = this.#lists.get(body.key) ?? this.#make(body.key)
      list.entries.set(body.sub, { body, state: undefined, place: -1 })
    }
    for (const state of states) {
      const entry = this.#lists.get(state.key)?.entries.get(state.sub)
      if (!entry || (state.numbers[VERSION] as number) < versionOf(entry)) {
        this.#ground.refuse(state)
        continue
      }
      this.#ground.restore(state)
      entry.state = state
      entry.body.numbers = state.numbers
      entry.body.times = state.times
    }
    for (const list of this.#lists.values()) {
      for (const entry of list.entries.values()) {
        const { numbers, times } = entry.body
        times[0] = this.#ground.leftOf(times[0] as number, numbers[CLAIM] as number)
        this.#place(list, entry)
      }
    }
  }

  #admit(key: string, id: string, value: Item['value'], list: List | undefined, entry: Entry | undefined): void {
    if (!entry && list && list.entries.size >= MOST_ENTRIES) {
      throw new LovageError('STORE_FULL', { problem: `due list ${key} has ${MOST_ENTRIES} entries, the limit` })
    }
    this.#ground.admit({ key, sub: id, value })
  }

  #make(key: string): List {
    const list: List = {
      key,
      entries: new Map(),
      waiting: new OrderedHeap<Entry>(isBefore),
      claimed: new OrderedHeap<Entry>((a, b) => claimOf(a) < claimOf(b)),
      due: undefined,
      isTold: false,
    }
    this.#lists.set(key, list)
    return list
  }

  #replace(list: List, there: Entry | undefined, body: Item): void {
    if (there) {
      this.#take(list, there)
      this.#ground.lapse(there.body)
      if (there.state) this.#ground.lapse(there.state)
    }
    const entry: Entry = { body, state: undefined, place: -1 }
    list.entries.set(body.sub, entry)
    list.waiting.add(entry)
    this.#ground.add(body)
  }

  /** Gives an entry other numbers, and the place that goes with them. */
  #change(list: List, entry: Entry, numbers: number[], claimedUntilMs: number): void {
    this.#take(list, entry)
    const { body } = entry
    // Shared: whichever is written down again, value or state, says how things stand then.
    body.numbers = numbers
    body.times = [claimedUntilMs]
    if (entry.state) {
      Object.assign(entry.state, { numbers, times: body.times })
      this.#ground.changed(entry.state)
    } else {
      entry.state = { ...body, family: FAMILY.dueState, value: undefined, mark: undefined }
      this.#ground.add(entry.state)
    }
    this.#place(list, entry)
  }

  #place(list: List, entry: Entry): void {
    if (claimOf(entry) > this.#ground.clock.monotonic()) list.claimed.add(entry)
    else list.waiting.add(entry)
  }

  #take(list: List, entry: Entry): void {
    if (!list.waiting.remove(entry)) list.claimed.remove(entry)
  }

  #releaseClaims(list: List): void {
    const now = this.#ground.clock.monotonic()
    for (let first = list.claimed.first; first && claimOf(first) <= now; first = list.claimed.first) {
      list.claimed.shift()
      list.waiting.add(first)
    }
  }

  /** When the calendar was set back since a claim, what it sets free may be due later still. */
  #nextInMs(list: List): number {
    const [waiting, claimed] = [list.waiting.first, list.claimed.first]
    const dueInMs = waiting ? atOf(waiting) - this.#ground.clock.now() : Infinity
    const freeInMs = claimed ? claimOf(claimed) - this.#ground.clock.monotonic() : Infinity
    return Math.max(0, Math.ceil(Math.min(dueInMs, freeInMs)))
  }

  /** Tells the watchers now, or when the next can be taken. */
  #arm(list: List): void {
    list.due?.cancel()
    list.due = undefined
    if (!this.#ground.hasWatchers('due', list.key)) return
    this.#releaseClaims(list)
    const inMs = this.#nextInMs(list)
    if (inMs === Infinity) return
    if (inMs === 0 && !list.isTold) {
      list.isTold = true
      this.#ground.tell('due', list.key)
    }
    // Also when they were told and nobody came.
    list.due = this.#ground.dues.add(inMs === 0 ? LOOK_AGAIN_MS : Math.min(inMs, LOOK_AGAIN_MS), () => {
      list.isTold = false
      this.#arm(list)
    })
  }
}

function atOf({ body }: Entry): number {
  return body.numbers[AT] as number
}

function claimOf({ body }: Entry): number {
  return body.times[0] as number
}

function versionOf(entry: Entry | undefined): number {
  return entry?.body.numbers[VERSION] ?? 0
}

function isBefore(a: Entry, b: Entry): boolean {
  return compare(atOf(a), a.body.sub, atOf(b), b.body.sub) < 0
}

function compare(atMs: number, id: string, otherAtMs: number, otherId: string): number {
  return atMs === otherAtMs ? compareText(id, otherId) : atMs < otherAtMs ? -1 : 1
}

function dueOf({ body }: Entry): TableDue {
  const [atMs = 0, version = 0, takes = 0] = body.numbers
  return { id: body.sub, value: body.value as string, atMs, version, takes }
}
