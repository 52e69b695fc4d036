import type { ResultGroups } from '../backend/groups.ts'
import type { Call, Plan } from '../canvas/plan.ts'
import { storeGroups } from '../canvas/store-groups.ts'
import type { Store } from '../store/store.ts'
import { assertChords } from './capabilities.ts'
import { type Place, sendable } from './outgoing.ts'
import type { Registry } from './registry.ts'
import type { Client, Sender } from './send.ts'
import type { Settings } from './settings.ts'
import type { ResolvedTaskOptions } from './task-options.ts'

/** Messages on their way at a time. */
const AT_ONCE = 200

/** What sending canvases stands on. */
export interface CanvasSendsOptions {
  readonly settings: Settings
  readonly registry: Registry
  readonly sender: Pick<Sender, 'deliver'>
  /** Options of tasks that are known by name only. */
  readonly defaults: ResolvedTaskOptions
  readonly client: () => Promise<Client>
  readonly store: () => Promise<Store>
}

/** Sends the tasks of canvases, for who begins one and for who goes on with it, and knows where chords are counted. */
export class CanvasSends {
  readonly #options: CanvasSendsOptions
  #groups: ResultGroups | undefined

  constructor(options: CanvasSendsOptions) {
    this.#options = options
  }

  /** Brings one task to the broker. Rejects as `applyAsync` does. */
  deliver(call: Call, around?: Partial<Place>): Promise<void> {
    const { registry, settings, defaults, sender } = this.#options
    const task = sendable(call.task, registry.get(call.task)?.options ?? defaults, settings)
    return sender.deliver(task, call, around)
  }

  /** Brings the first tasks of a canvas to the broker; its chords are counted from before. Rejects as `applyAsync` does. */
  async publish({ chords, calls, hasChords }: Plan): Promise<void> {
    if (hasChords) {
      const groups = await this.groups('A chord')
      for (const { groupId, size } of chords) await groups.setChordSize(groupId, size)
    }
    for (let at = 0; at < calls.length; at += AT_ONCE) {
      await Promise.all(calls.slice(at, at + AT_ONCE).map((call) => this.deliver(call)))
    }
  }

  /**
   * Where groups and chords are kept: with the results, where their backend does that, else in the store.
   * @param what Who needs it, as a sentence begins.
   * @throws LovageError `CAPABILITY_MISSING`
   */
  async groups(what: string): Promise<ResultGroups> {
    const groups = await this.groupsIfAny()
    if (groups) return groups
    assertChords(this.#options.settings, what)
    throw new Error('unreachable: what has chords has groups')
  }

  /** As {@link groups}; undefined where there are none. */
  async groupsIfAny(): Promise<ResultGroups | undefined> {
    const { client, store, settings } = this.#options
    const { backend } = await client()
    if (backend.groups) return backend.groups
    if (settings.store === undefined) return undefined
    const { resultExpiresMs: expiresMs, jsonTypes: types } = settings
    return (this.#groups ??= storeGroups(await store(), { expiresMs, types }))
  }
}
