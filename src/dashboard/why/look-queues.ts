import type { Broker, BrokerAdmin } from '../../broker/broker.ts'
import { messageOf } from '../../base/errors.ts'
import { deadQueueOf, listDead } from '../../broker/dead-letters.ts'
import type { Message } from '../../protocol/message.ts'
import { leadsTo } from '../../protocol/leads-to.ts'
import { readTask } from '../../protocol/task-message.ts'
import type { DeadFacts, Facts, MessageFacts, ParentFacts, QueueFacts } from './facts.ts'
import { isOf, messageFacts, oneLine } from './read-facts.ts'
import { WAITS_FOR_ITS_TIME } from './words.ts'

/** A queue to be looked into. */
export interface Candidate {
  readonly name: string
  /** It would be sent there. */
  readonly isIts: boolean
  /** It refuses what is more than so many. */
  readonly most: number | undefined
}

export interface LookOptions {
  readonly broker: Broker
  readonly id: string
  readonly candidates: readonly Candidate[]
  /** Most messages that are looked at: in queues, and again in dead letters. */
  readonly peek: number
  /** Content types that are read. */
  readonly accept: readonly string[]
  /** The message is in somebody's hands: only what there is of queues is of interest. */
  readonly onlyDepths: boolean
}

export interface Looked {
  readonly queues: readonly QueueFacts[]
  readonly message: MessageFacts | undefined
  readonly dead: DeadFacts | undefined
  readonly parent: ParentFacts | undefined
  readonly unknown: Facts['unknown']
}

/** Ids that are shorter may be anything within a body. */
const SHORTEST_ID = 8

/** Looks into queues until it is found, bounded. @throws LovageError as the broker does */
export async function lookIntoQueues(options: LookOptions): Promise<Looked> {
  const { broker, candidates } = options
  const { admin } = broker
  if (!admin) {
    const because = `this broker (${broker.kind}) cannot be looked into`
    return {
      queues: [],
      message: undefined,
      dead: undefined,
      parent: undefined,
      unknown: [{ what: 'what waits', because }],
    }
  }
  const look = new Look(options, admin)
  for (const candidate of candidates) await look.at(candidate)
  return look.found()
}

class Look {
  readonly #options: LookOptions
  readonly #admin: BrokerAdmin
  readonly #queues: QueueFacts[] = []
  readonly #unknown: { what: string; because: string }[] = []
  #left: number
  #leftDead: number
  #message: MessageFacts | undefined
  #dead: DeadFacts | undefined
  #parent: ParentFacts | undefined

  constructor(options: LookOptions, admin: BrokerAdmin) {
    this.#options = options
    this.#admin = admin
    this.#left = this.#leftDead = options.peek
  }

  found(): Looked {
    const { broker, onlyDepths } = this.#options
    const unknown = [...this.#unknown]
    if (!onlyDepths && !this.#message && !this.#dead && !broker.delays?.list) {
      const because = 'this broker keeps what is for later together, whatever queue it is for, and cannot list it'
      unknown.push({ what: WAITS_FOR_ITS_TIME, because })
    }
    return { queues: this.#queues, message: this.#message, dead: this.#dead, parent: this.#parent, unknown }
  }

  async at({ name, isIts, most }: Candidate): Promise<void> {
    const depth = await this.#admin.depth(name)
    const ready = depth?.messages ?? 0
    const wants = !this.#options.onlyDepths && !this.#message && !this.#dead
    const looked = wants && depth ? await this.#waiting(name, ready) : 0
    const isFull = most !== undefined && ready >= most
    const { consumers = 0 } = depth ?? {}
    if (this.#options.broker.kind === 'redis' && depth && consumers === 0 && ready > 0) {
      const because = 'on Redis they are not counted: a worker of Python’s is known when it answers'
      this.#unknown.push({ what: `whether workers of Python’s that do not answer read ${name}`, because })
    }
    this.#queues.push({ name, isThere: depth !== undefined, ready, consumers, looked, isFull, isIts })
    if (!wants || this.#message) return
    if (depth) await this.#delayed(name)
    if (!this.#message) await this.#buried(name)
  }

  async #waiting(name: string, ready: number): Promise<number> {
    const limit = Math.min(ready, this.#left)
    if (limit === 0) {
      if (ready > 0) this.#unknown.push({ what: `what waits in ${name}`, because: 'enough was looked at elsewhere' })
      return 0
    }
    let seen = 0
    const { id } = this.#options
    await this.#admin.visit(name, limit, ({ message }) => {
      if (isOf(message, id)) {
        this.#message = messageFacts(message, name, seen)
        return false
      }
      seen++
      this.#follow(message, 'queue', name)
      return undefined
    })
    this.#left -= seen
    if (!this.#message && ready > limit) {
      this.#unknown.push({
        what: `whether it waits in ${name}`,
        because: `only the first ${limit} of ${ready} were looked at`,
      })
    }
    return seen
  }

  async #delayed(name: string): Promise<void> {
    const { broker, id, peek } = this.#options
    for (const { atMs, message } of (await broker.delays?.list?.(name, peek)) ?? []) {
      if (isOf(message, id)) return void (this.#message = messageFacts(message, name, undefined, atMs))
      this.#follow(message, 'delayed', name)
    }
  }

  async #buried(name: string): Promise<void> {
    const { broker, id } = this.#options
    const depth = await this.#admin.depth(deadQueueOf(name))
    if (!depth || depth.messages === 0) return
    if (depth.messages > this.#leftDead) {
      const because = `${depth.messages} lie there, more than are looked at`
      return void this.#unknown.push({ what: `whether it lies in the dead letters of ${name}`, because })
    }
    this.#leftDead -= depth.messages
    const letter = (await listDead(broker, name, depth.messages)).find((one) => one.id === id)
    if (!letter) return
    const { key, task, reason, atMs } = letter
    this.#dead = { queue: name, key, task, code: reason.code, text: oneLine(reason.message), atMs }
  }

  /** The task may be what comes after another. */
  #follow(message: Message, where: ParentFacts['where'], at: string): void {
    const { id, accept } = this.#options
    if (this.#parent || id.length < SHORTEST_ID) return
    try {
      const request = readTask(message, { accept })
      if (leadsTo(request, id, accept)) this.#parent = { id: request.id, task: request.task, where, at }
    } catch (error) {
      // No task message: nothing comes after it.
      void messageOf(error)
    }
  }
}
