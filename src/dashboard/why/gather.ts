import type { App } from '../../app/app.ts'
import { backendHas } from '../../app/capabilities.ts'
import { findQueue, queuesRead, topologyOf } from '../../app/queues.ts'
import { resolveRoute } from '../../app/routes.ts'
import type { Client } from '../../app/send.ts'
import { type Clock, systemClock } from '../../base/clock.ts'
import { isLovageError, LovageError, messageOf } from '../../base/errors.ts'
import { redactUrl } from '../../base/redact.ts'
import type { TaskPicture } from '../../fleet/task-picture.ts'
import { isReady } from '../../protocol/outcome.ts'
import { isRecord } from '../../protocol/signature.ts'
import type { ScheduleSource } from '../sources.ts'
import { askAgain, type Asked, type AskOptions, askRevoked, askWorkers } from './ask-workers.ts'
import type { Facts, HeardFacts, ResultFacts, ScheduleEntry, SilentFacts } from './facts.ts'
import { type Candidate, type Looked, lookIntoQueues } from './look-queues.ts'
import { listed } from './words.ts'
import { heardFacts, resultFacts } from './read-facts.ts'

/** What helps to find a task. All may be left out. */
export interface WhyOptions {
  /** Look into this queue first. */
  readonly queue?: string | undefined
  /** Its name, where it is known. */
  readonly task?: string | undefined
  /** What its events have told. */
  readonly picture?: TaskPicture | undefined
  /** Entries of a beat. */
  readonly schedules?: Pick<ScheduleSource, 'list'> | undefined
  /** Names of workers that should be there: those that do not answer are told of, and nobody waits for more. */
  readonly nodes?: readonly string[] | undefined
  /** Longest silence of workers, in milliseconds. Default 1,000. */
  readonly timeoutMs?: number | undefined
  /** Most messages that are looked at in queues; each is taken from its queue and put back. Default 1,000; 0: none. */
  readonly peek?: number | undefined
  /** Default: the machine's. */
  readonly clock?: Clock | undefined
}

/** Most queues that are looked into. */
const MOST_QUEUES = 50

const NOTHING_LOOKED: Looked = { queues: [], message: undefined, dead: undefined, parent: undefined, unknown: [] }
const NOBODY_ASKED: Asked = { workers: [], hand: undefined, parent: undefined, queues: [] }

/** Gathers what can be known of a task now. What cannot be asked is told of in the facts; nothing is thrown for it. */
export async function gather(app: App, id: string, options: WhyOptions): Promise<Facts> {
  const { clock = systemClock, picture } = options
  const schedules = await schedulesOf(id, options)
  const gathering = new Gathering(app, id, options, picture && heardFacts(picture))
  await gathering.run()
  const { heard, result, asked, looked, silent, revokedBy, ticket, problem } = gathering
  return {
    id,
    nowMs: clock.now(),
    task: gathering.task,
    broker: { url: redactUrl(app.settings.broker), ...(problem && { problem }) },
    heard,
    result,
    workers: asked.workers,
    silent,
    hand: asked.hand,
    queues: looked.queues,
    message: looked.message,
    dead: looked.dead,
    parent: asked.parent ?? looked.parent,
    revokedBy,
    ticket,
    schedules: schedules.entries,
    unknown: [...gathering.unknown, ...looked.unknown, ...schedules.unknown],
  }
}

class Gathering {
  readonly heard: HeardFacts | undefined
  result: ResultFacts | undefined
  asked = NOBODY_ASKED
  looked = NOTHING_LOOKED
  silent: SilentFacts[] = []
  revokedBy: string[] = []
  ticket: Facts['ticket']
  problem: Facts['broker']['problem']
  readonly unknown: { what: string; because: string }[] = []
  readonly #app: App
  readonly #id: string
  readonly #options: WhyOptions

  constructor(app: App, id: string, options: WhyOptions, heard: HeardFacts | undefined) {
    this.#app = app
    this.#id = id
    this.#options = options
    this.heard = heard
  }

  /** Its name, where it is known before a message of it is found. */
  get task(): string | undefined {
    return this.#options.task ?? this.heard?.name ?? this.ticket?.task
  }

  async run(): Promise<void> {
    try {
      const client = await this.#app.client()
      await this.#read(client)
      await this.#ask(client)
      if (this.#isLost()) await this.#askOnceMore(client)
    } catch (error) {
      if (!isLovageError(error)) throw error
      const { code, message: text, fix } = error as LovageError
      this.problem = { code, text, fix }
    }
  }

  /** The result, and a gateway's word that there is such a task. */
  async #read({ backend }: Client): Promise<void> {
    const { settings } = this.#app
    if (!backendHas('anyReader', settings)) {
      const because = `over ${redactUrl(settings.backend)} only who sent it can read it`
      this.unknown.push({ what: 'its result', because })
    }
    const outcome = await backend.get(this.#id)
    if (outcome) this.result = resultFacts(outcome)
    if (settings.store !== undefined && !outcome) this.ticket = await this.#readTicket()
  }

  /** As `gateway/tickets.ts` writes it. */
  async #readTicket(): Promise<Facts['ticket']> {
    try {
      const kept = await (await this.#app.store('Asking why')).get(`ticket:${this.#id}`)
      const ticket: unknown = kept && JSON.parse(String(kept.value))
      if (!isRecord(ticket) || ticket['v'] !== 1) return undefined
      const { task, acceptedAtMs: atMs } = ticket
      return typeof task === 'string' && typeof atMs === 'number' ? { task, atMs } : undefined
    } catch (error) {
      this.unknown.push({ what: 'whether a gateway took it in', because: messageOf(error) })
      return undefined
    }
  }

  async #ask(client: Client): Promise<void> {
    const state = this.result?.state ?? this.heard?.state ?? ''
    const isOver = isReady(state)
    if (!isOver) this.asked = await askWorkers(this.#app, this.#id, this.#patience)
    // What ended well lies nowhere.
    if (state === 'SUCCESS') return
    await this.#look(client)
    if (isOver) return
    const { hand } = this.asked
    if (hand?.place === 'reserved' || this.looked.message) {
      this.revokedBy = await askRevoked(this.#app, this.#id, this.#patience)
    }
    await this.#findSilent(client)
  }

  async #look({ broker }: Client): Promise<void> {
    this.looked = await lookIntoQueues({
      broker,
      id: this.#id,
      candidates: this.#candidates(),
      peek: this.#options.peek ?? 1_000,
      accept: this.#app.settings.acceptContent,
      onlyDepths: this.asked.hand !== undefined,
    })
  }

  #isLost(): boolean {
    const { hand, parent } = this.asked
    const found = this.result ?? hand ?? parent ?? this.looked.message ?? this.looked.dead ?? this.looked.parent
    return found === undefined && this.asked.workers.length > 0
  }

  /** It may have gone from a queue to a worker, or ended, while others were looked at. */
  async #askOnceMore(client: Client): Promise<void> {
    const outcome = await client.backend.get(this.#id)
    if (outcome) return void (this.result = resultFacts(outcome))
    this.asked = { ...this.asked, ...(await askAgain(this.#app, this.#id, this.#patience)) }
    if (this.asked.hand || this.task !== undefined) return
    for (const { name, isOurs, rates } of this.asked.workers) {
      if (isOurs || rates.size === 0) continue
      const because = `${name} is Python’s, which does not tell of that; it has limits for ${listed([...rates.keys()])}`
      this.unknown.push({ what: 'whether a rate limit holds it (name it with --task)', because })
    }
  }

  /** Workers that must have it, or should be there, and did not answer. */
  async #findSilent({ broker }: Client): Promise<void> {
    const { heard, result, asked } = this
    const isHeard = heard !== undefined && ['RECEIVED', 'STARTED'].includes(heard.state)
    const holder = result?.worker ?? (isHeard ? heard.worker : undefined)
    const expected = new Set([...(holder === undefined ? [] : [holder]), ...(this.#options.nodes ?? [])])
    for (const { name } of asked.workers) expected.delete(name)
    for (const name of expected) {
      const queue = this.#app.pidbox.queueOf(name)
      const depth = await broker.admin?.depth(queue).catch(() => ({ consumers: undefined }))
      const consumers = depth ? depth.consumers : 0
      const isConnected = consumers === undefined ? undefined : consumers > 0
      this.silent.push({ name, isConnected, holds: name === holder && asked.hand === undefined })
    }
  }

  get #patience(): AskOptions {
    const { timeoutMs = 1_000, nodes = [] } = this.#options
    return { timeoutMs, nodes }
  }

  /** Where it may wait, the likeliest first. */
  #candidates(): Candidate[] {
    const { settings, registry } = this.#app
    const { task } = this
    const own = [this.#options.queue, this.heard?.queue, task === undefined ? undefined : this.#routed(task)]
    const its = own.filter((name) => name !== undefined)
    const ofTasks = registry.names().map((name) => registry.get(name)?.options.queue)
    const declared = this.asked.queues
    const names = new Set([...its, ...queuesRead(settings), ...ofTasks, ...declared.map(({ name }) => name)])
    names.delete(undefined)
    const all = ([...names] as string[]).map((name) => ({ name, isIts: its.includes(name), most: this.#most(name) }))
    if (all.length > MOST_QUEUES) {
      const because = `there are ${all.length} queues, and ${MOST_QUEUES} are looked into; name one with --queue`
      this.unknown.push({ what: 'whether it waits in another queue', because })
    }
    return all.slice(0, MOST_QUEUES)
  }

  #routed(name: string): string | undefined {
    const { settings, registry } = this.#app
    try {
      const options = registry.get(name)?.options ?? {}
      return resolveRoute(settings, { task: name, args: [], kwargs: {}, options }).queue
    } catch {
      // A router that wants arguments, or a queue that nobody knows: others are looked into.
      return undefined
    }
  }

  /** With how many messages it refuses more; undefined: it does not. */
  #most(name: string): number | undefined {
    const asked = this.asked.queues.find((queue) => queue.name === name && queue.refuses)
    if (asked) return asked.maxLength
    const { settings } = this.#app
    const spec = findQueue(settings, name) && topologyOf(settings, name).queues?.find((queue) => queue.name === name)
    if (spec?.arguments?.['x-overflow'] !== 'reject-publish') return undefined
    const most = spec.maxLength ?? spec.arguments['x-max-length']
    return typeof most === 'number' ? most : undefined
  }
}

/** Most schedules of one task that are told of. */
const MOST_SCHEDULES = 20

async function schedulesOf(
  id: string,
  { schedules, task }: WhyOptions,
): Promise<{ entries: ScheduleEntry[]; unknown: Facts['unknown'] }> {
  if (!schedules) return { entries: [], unknown: [] }
  try {
    const all = await schedules.list()
    const ours = all.filter(
      (entry) => entry.name === id || entry.task === id || (task !== undefined && entry.task === task),
    )
    const entries = ours.slice(0, MOST_SCHEDULES).map((entry): ScheduleEntry => {
      const { name, isPaused, isEnabled, last, next } = entry
      return { name, task: entry.task, isPaused, isEnabled, lastId: last?.id, nextMs: next?.getTime() }
    })
    return { entries, unknown: [] }
  } catch (error) {
    return { entries: [], unknown: [{ what: 'whether a schedule sends it', because: messageOf(error) }] }
  }
}
