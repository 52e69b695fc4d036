import { systemClock, type Clock } from '../../src/base/clock.ts'
import type { Broker } from '../../src/broker/broker.ts'
import { LamportClock } from '../../src/fleet/lamport.ts'
import { type HeardEvent, Listener, type ListenerOptions } from '../../src/fleet/listener.ts'
import { within } from '../../src/testing/broker/scene.ts'

/** Listens to all events of a broker, and waits for those that a test wants. */
export class Watch implements AsyncDisposable {
  readonly heard: HeardEvent[] = []
  readonly lamport = new LamportClock()
  readonly listener: Listener
  /** How many came together, each time. */
  readonly batches: number[] = []
  #changed: (() => void) | undefined

  private constructor(broker: Broker, clock: Clock, options: Partial<ListenerOptions>) {
    this.listener = new Listener({
      broker,
      clock,
      lamport: this.lamport,
      onEvents: (events) => {
        this.batches.push(events.length)
        this.heard.push(...events)
        this.#changed?.()
      },
      ...options,
    })
  }

  static async start(
    broker: Broker,
    { clock = systemClock, ...options }: Partial<ListenerOptions> = {},
  ): Promise<Watch> {
    const watch = new Watch(broker, clock, options)
    await watch.listener.start()
    return watch
  }

  of(type: string): HeardEvent[] {
    return this.heard.filter((event) => event.type === type)
  }

  /** Types of the events of one task, in the order in which they were heard. */
  course(uuid: string): string[] {
    return this.heard.filter(({ fields }) => fields['uuid'] === uuid).map(({ type }) => type)
  }

  /** Waits until what was heard is so. */
  async until(what: string, holds: (watch: this) => boolean): Promise<void> {
    const held = async (): Promise<void> => {
      while (!holds(this)) await new Promise<void>((resolve) => (this.#changed = resolve))
    }
    await within(what, held())
  }

  /** Waits for an event of this type, of a task if one is named. */
  async event(type: string, uuid?: string): Promise<HeardEvent> {
    const find = (): HeardEvent | undefined =>
      this.heard.find((event) => event.type === type && (uuid === undefined || event.fields['uuid'] === uuid))
    await this.until(`${type} is heard`, () => find() !== undefined)
    return find() as HeardEvent
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener.stop()
  }
}
