import type { Message } from '../../protocol/message.ts'
import { packed, packedSize, readsPacks } from './pack.ts'

/** Most results of a pack, and most bytes: one that is larger goes alone. */
const MOST = 100
const MOST_BYTES = 64 * 1024

type Publish = (message: Message, replyTo: string) => Promise<void>

/** Results for one queue, of this turn. */
interface Open {
  readonly messages: Message[]
  readonly gone: Promise<void>
  bytes: number
  send: () => void
}

/** Where results for clients that read packs wait for the end of the turn, so that all of one turn go as one message. */
export class Outbox {
  readonly #atTurnEnd: (fn: () => void) => void
  readonly #publish: Publish
  readonly #open = new Map<string, Open>()
  #isScheduled = false
  readonly #flush = (): void => {
    this.#isScheduled = false
    for (const { send } of [...this.#open.values()]) send()
  }

  constructor(atTurnEnd: (fn: () => void) => void, publish: Publish) {
    this.#atTurnEnd = atTurnEnd
    this.#publish = publish
  }

  /** Resolves when the broker has it; rejects as publishing does. In order for each queue. */
  send(message: Message, replyTo: string): Promise<void> {
    if (!readsPacks(replyTo)) return this.#publish(message, replyTo)
    const bytes = packedSize(message)
    let open = this.#open.get(replyTo)
    if (open && (open.messages.length >= MOST || open.bytes + bytes > MOST_BYTES)) {
      open.send()
      open = undefined
    }
    open ??= this.#begin(replyTo)
    open.messages.push(message)
    open.bytes += bytes
    return open.gone
  }

  #begin(replyTo: string): Open {
    const messages: Message[] = []
    let send = (): void => {}
    const gone = new Promise<void>((resolve) => {
      send = () => {
        this.#open.delete(replyTo)
        resolve(this.#deliver(messages, replyTo))
      }
    })
    const open = { messages, gone, bytes: 0, send }
    this.#open.set(replyTo, open)
    if (!this.#isScheduled) {
      this.#isScheduled = true
      this.#atTurnEnd(this.#flush)
    }
    return open
  }

  /** What cannot be packed rejects for those who sent it: thrown at the end of a turn it would end the process. */
  async #deliver(messages: readonly Message[], replyTo: string): Promise<void> {
    const [first] = messages
    await this.#publish(first && messages.length === 1 ? first : packed(messages), replyTo)
  }
}
