import type { App } from '../../app/app.ts'
import { deadline, type Clock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import { deadQueueOf } from '../../broker/dead-letters.ts'

/** One depth is kept for each ten seconds, of an hour. */
const DEPTH_STEP_MS = 10_000
const DEPTHS = 360

/** Longest name of a queue, in bytes: what a short string of AMQP can hold. */
const MOST_NAME = 255

/** Queues that are known. */
const MOST_QUEUES = 2_000

/** Longest wait for the broker to tell of one queue. */
const ASK_MS = 5_000

/** Questions to the broker at a time. */
const AT_ONCE = 8

/** What the broker has told of a queue last. */
export interface QueueFacts {
  ready: number | null
  consumers: number | null
  delayed: number | null
  dead: number | null
  /** The change of `ready` per second, between the last two looks. */
  growth: number
  asOfMs: number
  /** When something of it was last heard or named. */
  namedAtMs: number
  readonly depths: Float64Array
  readonly numbers: Float64Array
}

/** The queues that anybody reads or sends into, and how deep they are. */
export class QueueBook {
  readonly #app: App
  readonly #clock: Clock
  readonly #queues = new Map<string, QueueFacts>()
  #asking: Promise<void> | undefined
  #staleBecause: string | undefined
  #asOfMs = 0
  #canList = true

  constructor(app: App, clock: Clock) {
    this.#app = app
    this.#clock = clock
  }

  /** When all were looked at last; 0: never. */
  get asOfMs(): number {
    return this.#asOfMs
  }

  /** Whether the broker tells of what waits for its time, queue by queue. */
  get canList(): boolean {
    return this.#canList
  }

  /** Why the last look was in vain. */
  get staleBecause(): string | undefined {
    return this.#staleBecause
  }

  names(): string[] {
    return [...this.#queues.keys()].toSorted()
  }

  get(name: string): QueueFacts | undefined {
    return this.#queues.get(name)
  }

  /** Somebody reads it, or sends into it. */
  name(queue: string): void {
    // A name that no queue can have, in somebody's event, is nothing to ask a broker for.
    if (queue === '' || Buffer.byteLength(deadQueueOf(queue)) > MOST_NAME) return
    const nowMs = this.#clock.now()
    const known = this.#queues.get(queue)
    if (known) {
      known.namedAtMs = nowMs
      return
    }
    if (this.#queues.size >= MOST_QUEUES) return
    this.#queues.set(queue, {
      ...{ ready: null, consumers: null, delayed: null, dead: null, growth: 0, asOfMs: 0, namedAtMs: nowMs },
      depths: new Float64Array(DEPTHS).fill(NaN),
      numbers: new Float64Array(DEPTHS),
    })
  }

  /** Those that nobody has named for so long, and that are empty, leave. */
  forget(beforeMs: number): string[] {
    const gone = [...this.#queues].filter(([, { namedAtMs, ready }]) => namedAtMs < beforeMs && (ready ?? 0) === 0)
    for (const [name] of gone) this.#queues.delete(name)
    return gone.map(([name]) => name)
  }

  /** One value for each ten seconds of the last hour, the newest last. */
  depths(queue: string): (number | null)[] {
    const facts = this.#queues.get(queue)
    const last = Math.floor(this.#clock.now() / DEPTH_STEP_MS)
    return Array.from({ length: DEPTHS }, (_, index) => {
      const number = last - DEPTHS + 1 + index
      const place = number % DEPTHS
      const depth = facts?.numbers[place] === number ? (facts.depths[place] as number) : NaN
      return Number.isNaN(depth) ? null : depth
    })
  }

  /** Asks the broker; whoever asks meanwhile waits for the same. Never rejects. */
  ask(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async #ask(): Promise<void> {
    try {
      const { broker } = await this.#app.client()
      if (broker.state !== 'connected') throw new Error('the connection to the broker is lost')
      const { admin } = broker
      if (!admin) throw new Error(`a broker of kind ${broker.kind} does not tell of its queues`)
      const canList = (this.#canList = broker.delays?.list !== undefined)
      const waiting = this.names()
      const refused: string[] = []
      const look = async (name: string): Promise<void> => {
        const both = Promise.all([admin.depth(name), admin.depth(deadQueueOf(name))])
        // One that the broker does not tell of says nothing of the others.
        const told = both.catch((error: unknown) => {
          if (broker.state !== 'connected') throw error
          refused.push(`${name}: ${messageOf(error)}`)
          return [] as const
        })
        const late = (): Error => new Error('the broker does not answer')
        const [depth, dead] = await deadline(this.#clock, told, ASK_MS, late)
        this.#keep(name, depth, dead?.messages ?? 0, canList)
      }
      const worker = async (): Promise<void> => {
        for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) await look(name)
      }
      await Promise.all(Array.from({ length: AT_ONCE }, worker))
      this.#asOfMs = this.#clock.now()
      this.#staleBecause = refused[0]
    } catch (error) {
      this.#staleBecause = messageOf(error)
    }
  }

  #keep(
    name: string,
    depth: { messages: number; consumers: number; delayed?: number } | undefined,
    dead: number,
    canList: boolean,
  ): void {
    const facts = this.#queues.get(name)
    if (!facts) return
    const nowMs = this.#clock.now()
    const ready = depth?.messages ?? null
    const tookS = (nowMs - facts.asOfMs) / 1000
    if (ready !== null && facts.ready !== null && tookS > 0) facts.growth = (ready - facts.ready) / tookS
    facts.ready = ready
    facts.consumers = depth?.consumers ?? null
    facts.delayed = depth?.delayed ?? (canList && depth ? 0 : null)
    facts.dead = dead
    facts.asOfMs = nowMs
    if (ready === null) return
    const number = Math.floor(nowMs / DEPTH_STEP_MS)
    facts.depths[number % DEPTHS] = ready
    facts.numbers[number % DEPTHS] = number
  }
}
