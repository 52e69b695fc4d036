import type { ResultBackend } from '../backend/backend.ts'
import type { Clock } from '../base/clock.ts'
import type { Broker, PublishTogether } from '../broker/broker.ts'
import { type Chords, keptChords } from '../canvas/chords.ts'
import type { Call } from '../canvas/plan.ts'
import { queueChords } from '../canvas/queue-chords.ts'
import { storeGroups } from '../canvas/store-groups.ts'
import type { Store } from '../store/store.ts'
import { assertChords, countsInQueues, keepsMarks } from './capabilities.ts'
import { type Place, sendable } from './outgoing.ts'
import type { Registry } from './registry.ts'
import type { PublishWithOthers } from './posting.ts'
import type { Client, Sender } from './send.ts'
import type { Settings } from './settings.ts'
import type { ResolvedTaskOptions } from './task-options.ts'
import { sendTogether } from './together.ts'

/** What sending canvases stands on. */
export interface CanvasSendsOptions {
  readonly clock: Clock
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
  #chords: Chords | undefined
  #inQueues: Chords | undefined

  constructor(options: CanvasSendsOptions) {
    this.#options = options
  }

  /**
   * Brings one task to the broker, which may have come there before: of all messages that are sent so one is run, where that
   * can be kept. Rejects as `applyAsync` does.
   */
  deliverCopy(call: Call, around?: Partial<Place>): Promise<void> {
    if (!keepsMarks(this.#options.settings)) return this.deliver(call, around)
    return this.deliver({ ...call, options: { ...call.options, once: true } }, around)
  }

  /** Brings tasks to the broker in one step, but for those that are for later. Rejects as `applyAsync` does. */
  deliverTogether(calls: readonly Call[], around: Partial<Place>, together: PublishTogether): Promise<void> {
    return sendTogether(calls, together, (call, withOthers) => this.deliver(call, around, withOthers))
  }

  /** Brings one task to the broker. Rejects as `applyAsync` does. */
  deliver(call: Call, around?: Partial<Place>, withOthers?: PublishWithOthers): Promise<void> {
    const { registry, settings, defaults, sender } = this.#options
    const task = sendable(call.task, registry.get(call.task)?.options ?? defaults, settings)
    return sender.deliver(task, call, around, withOthers)
  }

  /** Chords are counted in queues: what opens one has to say how many members it has. */
  get saysSizes(): boolean {
    return countsInQueues(this.#options.settings)
  }

  /**
   * Where chords are counted: with the results, where their backend does that, else in the store, else in queues.
   * @param what Who needs it, as a sentence begins.
   * @throws LovageError `CAPABILITY_MISSING`
   */
  async chords(what: string): Promise<Chords> {
    const { broker, backend } = await this.#options.client()
    const kept = (this.#chords ??= await this.#kept(backend))
    if (kept) return kept
    assertChords(this.#options.settings, what)
    return this.#queued(broker)
  }

  /** Where a chord is counted that is under way; `isInQueue`: it says so. Undefined: nowhere that this process knows. */
  async chordsOf(isInQueue: boolean): Promise<Chords | undefined> {
    const { broker, backend } = await this.#options.client()
    if (isInQueue && !backend.groups) return this.#queued(broker)
    return (this.#chords ??= await this.#kept(backend))
  }

  async #kept({ groups }: ResultBackend): Promise<Chords | undefined> {
    const { store, settings, clock } = this.#options
    if (groups) return keptChords(groups)
    if (settings.store === undefined) return undefined
    const { resultExpiresMs: expiresMs, jsonTypes: types } = settings
    return keptChords(storeGroups(await store(), { expiresMs, types, clock }))
  }

  #queued(broker: Broker): Chords {
    const { settings, clock } = this.#options
    const { admin } = broker
    if (!admin) throw new Error('unreachable: where queues are counted in they can be looked into')
    const { resultExpiresMs: expiresMs, jsonTypes: types } = settings
    return (this.#inQueues ??= queueChords({ broker, admin, clock, expiresMs, types }))
  }
}
