import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { isLovageError } from '../../src/base/errors.ts'
import { openStore } from '../../src/store/open.ts'
import type { LogEntry, Store } from '../../src/store/store.ts'
import { until } from '../../src/testing/broker/scene.ts'
import { seededRandom } from '../../src/testing/seeded.ts'
import { type Child, startChild } from '../services/child.ts'

const ttlMs = 600_000
const forAll = { ttlMs, maxEntries: 100_000 }

/** What one round came to. */
export interface Verdict {
  /** What does not hold; empty when all does. */
  readonly problems: readonly string[]
  /** Changes that were confirmed, and those of which it was not known whether they had happened. */
  readonly confirmed: number
  readonly uncertain: number
  /** Entries of the due list that were done a second time. */
  readonly doneAgain: number
  /** The longest time without a confirmation after the kill. */
  readonly silentMs: number
}

class Round {
  readonly home = mkdtempSync(join(tmpdir(), 'lovage-store-'))
  readonly url = `embedded://${this.home}`
  readonly problems: string[] = []
  readonly #children: Child[] = []
  readonly #stores: Store[] = []

  async process(changes = 0): Promise<Child> {
    const child = startChild('node', ['scripts/run-ts.mjs', 'test/store/store-process.ts', this.url, `${changes}`])
    this.#children.push(child)
    await child.line('ready', { timeoutMs: 60_000 })
    return child
  }

  async store(): Promise<Store> {
    const store = openStore(this.url, { connectTimeoutMs: 60_000, answerTimeoutMs: 60_000 })
    this.#stores.push(store)
    await store.start()
    return store
  }

  check(holds: boolean, problem: string): void {
    if (!holds) this.problems.push(problem)
  }

  async end(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.kill()))
    await Promise.all(this.#stores.map((store) => store.stop()))
    rmSync(this.home, { recursive: true, force: true })
  }
}

/** Kills the owner while another process changes, listens and takes; that one goes on as the owner. */
export async function killTheOwner(seed: number, changes: number): Promise<Verdict> {
  const random = seededRandom(seed)
  const round = new Round()
  try {
    const owner = await round.process()
    const [writer, reader] = [await round.store(), await round.store()]
    const { lease } = await writer.lease('crash:leader', { ttlMs })
    const heard: LogEntry[] = []
    await reader.log('crash:log').listen(({ entries, isGapped }) => {
      heard.push(...entries)
      round.check(!isGapped, 'the listener has missed something')
    })
    const work = new DueWork(reader)
    await reader.due('crash:due').onDue(() => work.begin())

    const known: Record<'set' | 'counted' | 'appended' | 'put', Map<number, number>> = {
      set: new Map(),
      counted: new Map(),
      appended: new Map(),
      put: new Map(),
    }
    const killAfter = Math.floor(random() * changes * 3)
    let confirmed = 0
    let uncertain = 0
    let killedMs: number | undefined
    let silentMs = 0
    let lastMs = 0
    const change = async (what: keyof typeof known, nth: number, call: Promise<number | undefined>): Promise<void> => {
      try {
        known[what].set(nth, (await call) ?? 0)
        confirmed++
        const nowMs = systemClock.monotonic()
        if (killedMs !== undefined) silentMs = Math.max(silentMs, nowMs - Math.max(lastMs, killedMs))
        lastMs = nowMs
      } catch (error) {
        round.check(isLovageError(error, 'STORE_UNREACHABLE'), `${what} ${nth} failed: ${String(error)}`)
        uncertain++
      }
      if (confirmed + uncertain >= killAfter && killedMs === undefined) {
        killedMs = systemClock.monotonic()
        process.kill(owner.pid, 'SIGKILL')
      }
    }
    for (let nth = 0; nth < changes;) {
      const some = Array.from({ length: 1 + Math.floor(random() * 8) }, () => nth++).filter((one) => one < changes)
      await Promise.all(
        some.flatMap((one) => [
          change(
            'set',
            one,
            writer.set(`crash:value-${one}`, `${one}`, { ttlMs }).then(({ kept }) => kept?.version),
          ),
          change(
            'counted',
            one,
            writer.count('crash:count', { ttlMs, member: `${one}` }).then(({ value }) => value),
          ),
          change('appended', one, writer.log('crash:log').append(`${one}`, forAll)),
          change('put', one, writer.due('crash:due').put(`${one}`, { atMs: 0, value: `${one}` })),
        ]),
      )
    }

    for (const [nth] of known.set) {
      round.check((await reader.get(`crash:value-${nth}`))?.value === `${nth}`, `value ${nth} is lost`)
    }
    for (const [nth] of known.counted) {
      const { isCounted } = await reader.count('crash:count', { ttlMs, member: `${nth}` })
      round.check(!isCounted, `member ${nth} is lost`)
    }
    for (let nth = 0; nth < changes; nth++) await reader.count('crash:count', { ttlMs, member: `${nth}` })
    const { value } = await reader.count('crash:count', { ttlMs, by: 0 })
    round.check(value === changes, `the counter is at ${value}, not ${changes}`)
    const entries = await allOf(reader)
    const places = new Map(entries.map((entry) => [Number(entry.value), entry.position]))
    round.check(places.size === entries.length, 'something was appended twice')
    for (const [nth, position] of known.appended) round.check(places.get(nth) === position, `entry ${nth} is lost`)
    await until('the listener has heard all', () => heard.length >= entries.length)
    round.check(JSON.stringify(heard) === JSON.stringify(entries), 'the listener heard something else')
    await until('all is done', async () => (await reader.due('crash:due').list({ limit: 1 })).length === 0)
    for (const [nth] of known.put) round.check(work.done.has(`${nth}`), `due entry ${nth} is lost`)
    round.check(await (lease?.renew() ?? false), 'the lease is lost')
    round.check((await reader.lease('crash:leader', { ttlMs })).lease === undefined, 'two have the lease')
    return { problems: round.problems, confirmed, uncertain, doneAgain: work.doneAgain, silentMs: Math.round(silentMs) }
  } finally {
    await round.end()
  }
}

/** Kills the one process that there is; what it has confirmed must be there. */
export async function killAll(seed: number): Promise<Verdict> {
  const random = seededRandom(seed)
  const round = new Round()
  try {
    const child = await round.process(100_000)
    const target = 1 + Math.floor(random() * 60)
    await child.line(new RegExp(`^put ${target}$`), { timeoutMs: 60_000 })
    process.kill(child.pid, 'SIGKILL')
    await child.exited
    const store = await round.store()
    const said = child.lines.map((line) => line.split(' ') as [what: string, nth: string, number?: string])
    const entries = new Map((await allOf(store)).map(({ value, position }) => [value, position]))
    const dues = new Set<string>()
    for (let after: { atMs: number; id: string } | undefined; ;) {
      const page = await store.due('crash:due').list({ limit: 1000, ...(after && { after }) })
      for (const { id } of page) dues.add(id)
      if (!(after = page.at(-1))) break
    }
    for (const [what, nth, number] of said) {
      const key = `crash:value-${nth}`
      if (what === 'set') round.check((await store.get(key))?.value === nth, `value ${nth} is lost`)
      if (what === 'appended') round.check(entries.get(nth) === Number(number), `entry ${nth} is lost`)
      if (what === 'put') round.check(dues.has(nth), `due entry ${nth} is lost`)
      if (what === 'counted') {
        const { isCounted } = await store.count('crash:count', { ttlMs, member: nth })
        round.check(!isCounted, `member ${nth} is lost`)
      }
      if (what === 'leased') {
        const { lease } = await store.lease(`crash:lease-${nth}`, { ttlMs, holder: 'it' })
        round.check(lease?.token === Number(number), `lease ${nth} is lost`)
      }
    }
    return { problems: round.problems, confirmed: said.length, uncertain: 0, doneAgain: 0, silentMs: 0 }
  } finally {
    await round.end()
  }
}

/** Takes and removes what is due. */
class DueWork {
  readonly done = new Set<string>()
  doneAgain = 0
  readonly #store: Store
  #isBusy = false
  #isWanted = false

  constructor(store: Store) {
    this.#store = store
  }

  begin(): void {
    this.#isWanted = true
    if (!this.#isBusy) void this.#work()
  }

  async #work(): Promise<void> {
    this.#isBusy = true
    while (this.#isWanted) {
      this.#isWanted = false
      try {
        const { entries } = await this.#store.due('crash:due').take({ claimMs: 1000, limit: 10 })
        if (entries.length > 0) this.#isWanted = true
        for (const { id, version } of entries) {
          if (this.done.has(id)) this.doneAgain++
          this.done.add(id)
          await this.#store.due('crash:due').remove(id, { ifVersion: version })
        }
      } catch (error) {
        if (!isLovageError(error, 'STORE_UNREACHABLE')) throw error
        this.#isWanted = true
      }
    }
    this.#isBusy = false
  }
}

async function allOf(store: Store): Promise<LogEntry[]> {
  const all: LogEntry[] = []
  for (;;) {
    const { entries } = await store.log('crash:log').read({ after: all.at(-1)?.position ?? 0, limit: 1000 })
    if (entries.length === 0) return all
    all.push(...entries)
  }
}
