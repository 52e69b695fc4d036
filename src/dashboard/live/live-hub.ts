import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock, Timer } from '../../base/clock.ts'
import { isLovageError, LovageError, messageOf } from '../../base/errors.ts'
import { log } from '../../base/log.ts'
import { version } from '../../base/version.ts'
import { type Topic, TOPICS } from '../api.ts'
import { parseFilter } from '../filter/parse.ts'
import { isStillIn } from '../context.ts'
import type { Asked, Topics } from '../read/topics.ts'
import { LiveClient } from './live-client.ts'

/** What has changed is told each second. */
const TICK_MS = 1_000

/** A sign of life, where nothing changes. */
const BEAT_MS = 10_000

/** What a hub needs. */
export interface HubOptions {
  readonly clock: Clock
  readonly topics: Topics
  readonly maxClients: number
  /** These are looked at now, and these tasks by their ids: what must be asked for anew is asked for. */
  readonly looked: (topics: ReadonlySet<Topic>, tasks: ReadonlySet<string>) => void
}

/** These are looked for among all tasks: they are read again only when something of a task was heard. */
const COSTLY: ReadonlySet<Topic> = new Set(['tasks', 'task'])

/** Readings that are kept, each as long as a page of tasks. */
const MOST_KEPT = 100

/** Parameters of the request that a topic depends on. */
const OF_TOPIC: Readonly<Partial<Record<Topic, readonly string[]>>> = {
  overview: ['range'],
  tasks: ['q', 'limit', 'facets'],
  task: ['task'],
}

/**
 * Tells tabs what has changed (server-sent events): one stream a tab, the whole of a topic each second in which something
 * of it has changed, read once for all tabs that look at the same.
 */
export class LiveHub {
  readonly #options: HubOptions
  readonly #clients = new Set<LiveClient>()
  /** Ids of another run of this server say nothing here. */
  readonly #run: string
  readonly #changedAt = new Map<Topic, number>()
  /** What was read last, for topics that change only when they say so. */
  readonly #kept = new Map<string, { readonly tick: number; readonly text: string | undefined }>()
  #tick = 1
  #timer: Timer | undefined
  #isEnded = false

  constructor(options: HubOptions) {
    this.#options = options
    this.#run = options.clock.uuid().slice(0, 8)
  }

  get size(): number {
    return this.#clients.size
  }

  /** Something that a topic shows has changed. */
  changed(topic: Topic): void {
    this.#changedAt.set(topic, this.#tick)
  }

  begin(): void {
    this.#arm()
  }

  /** Ends all streams. */
  end(): void {
    this.#isEnded = true
    this.#timer?.cancel()
    for (const client of this.#clients) client.end()
    this.#clients.clear()
  }

  /** @throws LovageError `READERS_TOO_MANY`, `OPTION_INVALID`, `FILTER_INVALID` */
  open(request: FastifyRequest, reply: FastifyReply, asked: Asked): void {
    const { clock, maxClients, looked } = this.#options
    const topics = topicsOf(asked['topics'])
    parseFilter(asked['q'] ?? '')
    if (this.#clients.size >= maxClients) throw new LovageError('READERS_TOO_MANY', { readers: maxClients })
    reply.hijack()
    const { raw } = reply
    for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value)
    raw.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // A proxy that gathers what it passes on would show it minutes later.
      'x-accel-buffering': 'no',
    })
    raw.socket?.setNoDelay(true)
    raw.on('error', () => {})
    const nowMs = clock.now()
    const client = new LiveClient(raw, topics, asked, nowMs, () => isStillIn(request))
    this.#clients.add(client)
    raw.once('close', () => this.#clients.delete(client))
    const heard = this.#tickOf(request.headers['last-event-id'])
    client.hello({ version: version(), resumed: heard !== undefined }, nowMs)
    looked(new Set(topics), new Set(taskOf(client)))
    const fresh = heard === undefined ? topics : topics.filter((topic) => (this.#changedAt.get(topic) ?? 0) >= heard)
    void this.#tell([client], new Set(fresh))
  }

  #tickOf(id: string | string[] | undefined): number | undefined {
    const [run, tick] = typeof id === 'string' ? id.split('.') : []
    return run === this.#run && /^\d{1,15}$/.test(tick ?? '') ? Number(tick) : undefined
  }

  #arm(): void {
    this.#timer = this.#options.clock.after(TICK_MS, () => void this.#turn().then(() => this.#isEnded || this.#arm()), {
      unref: true,
    })
  }

  async #turn(): Promise<void> {
    const nowMs = this.#options.clock.now()
    const tick = this.#tick++
    const looked = new Set<Topic>()
    const tasks = new Set<string>()
    for (const client of this.#clients) {
      // Who has logged out since, or was away for too long, is told nothing more.
      if (!client.holds()) {
        client.end()
        this.#clients.delete(client)
      } else if (client.isStuck(nowMs)) client.cut()
      else {
        for (const topic of client.topics) looked.add(topic)
        for (const task of taskOf(client)) tasks.add(task)
      }
    }
    if (looked.size > 0) this.#options.looked(looked, tasks)
    if (looked.size === 0) this.#kept.clear()
    const ready = [...this.#clients].filter((client) => !client.isGone && client.isReady(nowMs))
    // A client that had no time for what has changed before is told of it now, whenever that was.
    await this.#tell(ready, undefined, tick)
    for (const client of this.#clients) client.beat(BEAT_MS, nowMs)
  }

  async #tell(clients: readonly LiveClient[], only: ReadonlySet<Topic> | undefined, tick = this.#tick): Promise<void> {
    const texts = new Map<string, Promise<string | undefined>>()
    for (const client of clients) {
      const news: { topic: Topic; text: string }[] = []
      for (const topic of client.topics) {
        if (only && !only.has(topic)) continue
        const key = keyOf(topic, client.asked)
        let reading = texts.get(key)
        if (!reading) texts.set(key, (reading = this.#read(topic, client.asked, tick)))
        const text = await reading
        if (text !== undefined && client.isNews(topic, text)) news.push({ topic, text })
      }
      if (news.length > 0 && !client.isGone) client.tell(news, `${this.#run}.${tick}`, this.#options.clock.now())
    }
  }

  /** Undefined: there is nothing to be told. */
  async #read(topic: Topic, asked: Asked, tick: number): Promise<string | undefined> {
    if (!COSTLY.has(topic)) return this.#readNow(topic, asked)
    const key = keyOf(topic, asked)
    const kept = this.#kept.get(key)
    if (kept && (this.#changedAt.get(topic) ?? 0) < kept.tick) return kept.text
    const text = await this.#readNow(topic, asked)
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear()
    this.#kept.set(key, { tick, text })
    return text
  }

  async #readNow(topic: Topic, asked: Asked): Promise<string | undefined> {
    try {
      return JSON.stringify(await this.#options.topics.read(topic, asked))
    } catch (error) {
      if (!isLovageError(error))
        log('error', 'dashboard', 'a topic could not be read', { topic, error: messageOf(error) })
      return undefined
    }
  }
}

function topicsOf(text = ''): Topic[] {
  const names = [...new Set(text.split(',').filter((name) => name !== ''))]
  const topics = names.filter((name): name is Topic => (TOPICS as readonly string[]).includes(name))
  if (topics.length === names.length && topics.length > 0) return topics
  const problem = `is ${JSON.stringify(text.slice(0, 100))}`
  const fix = `Name one or more of ${TOPICS.join(', ')}`
  throw new LovageError('OPTION_INVALID', { option: 'topics', where: 'the query of the request', problem, fix })
}

function keyOf(topic: Topic, asked: Asked): string {
  return JSON.stringify([topic, ...(OF_TOPIC[topic] ?? []).map((name) => asked[name])])
}

/** The task that a tab looks at, if it looks at one. */
function taskOf({ topics, asked }: LiveClient): string[] {
  const id = asked['task']
  return topics.includes('task') && id !== undefined ? [id] : []
}
