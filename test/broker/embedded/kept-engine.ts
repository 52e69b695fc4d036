import type { QueueSpec } from '../../../src/broker/broker.ts'
import type { JournalFiles } from '../../../src/broker/embedded/journal/journal-files.ts'
import { EngineServer } from '../../../src/broker/embedded/owner/engine-server.ts'
import type { Served } from '../../../src/broker/embedded/owner/served.ts'
import type { Session } from '../../../src/broker/embedded/session.ts'
import type { EngineDelivery } from '../../../src/broker/embedded/subscription.ts'
import { packedMessage } from '../../../src/broker/embedded/wire/packed-message.ts'
import type { Message } from '../../../src/protocol/message.ts'
import { textMessage, textOf, toQueue } from '../../../src/testing/broker/scene.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'

export interface KeptEngineOptions {
  seed?: number
  sync?: boolean
  clock?: VirtualClock
  segmentBytes?: number
}

/** An engine with its journal, as its owner runs it, without threads and sockets. */
export class KeptEngine {
  readonly clock: VirtualClock
  readonly server: EngineServer
  readonly session: Session
  /** What the disk failed with. */
  readonly failures: unknown[] = []

  constructor(files: JournalFiles, options: KeptEngineOptions = {}) {
    const { seed = 1, sync = true, clock, segmentBytes } = options
    this.clock = clock ?? new VirtualClock({ seed })
    const onFailed = (error: unknown): void => void this.failures.push(error)
    const size = segmentBytes === undefined ? {} : { segmentBytes }
    this.server = new EngineServer({ clock: this.clock, files, sync, onFailed, ...size }, '/data/broker')
    this.session = this.server.engine.attach(() => {})
  }

  /** Resolves when it is so for good. */
  declare(...queues: QueueSpec[]): Promise<void> {
    this.server.commit()
    this.server.engine.declare({ queues }, this.session)
    return this.durable()
  }

  /** Publishes a text straight to a queue; resolves when it is confirmed. */
  publish(queue: string, text: string, fields: Partial<Message> = {}, atMs?: number): Promise<void> {
    return new Promise((done, fail) => {
      const served = { done, fail: (_id: number, error: Error) => fail(error) } as unknown as Served
      const message = packedMessage(textMessage(text, fields))
      this.server.publish(served, { id: 1, message, to: toQueue(queue), isMandatory: true, atMs })
    })
  }

  get(queue: string): EngineDelivery | undefined {
    return this.server.engine.get(queue, this.session)
  }

  /** Resolves when all that was done so far outlives a loss of power. */
  durable(): Promise<void> {
    return new Promise((resolve) => this.server.whenDurable(resolve))
  }

  /** All that waits in a queue, in its order; it waits there no longer. */
  texts(queue: string): string[] {
    const texts: string[] = []
    for (let delivery = this.get(queue); delivery; delivery = this.get(queue)) texts.push(textOf(delivery))
    return texts
  }
}

/** Lets the turn end in which `fn` was called, and what was to be made durable become so. */
export async function turns(count = 3): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}
