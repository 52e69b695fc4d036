import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { LovageError } from '../../src/base/errors.ts'
import type { Broker, BrokerState } from '../../src/broker/broker.ts'
import { Emitter } from '../../src/fleet/emitter.ts'
import { LamportClock } from '../../src/fleet/lamport.ts'
import { type CeleryEvent, readEvents } from '../../src/protocol/event.ts'
import type { Message } from '../../src/protocol/message.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

/** A broker that comes and goes, and takes or refuses what it is told to. */
class Fickle {
  state: BrokerState = 'connected'
  isWilling = true
  readonly taken: CeleryEvent[][] = []
  readonly keys: string[] = []
  declared = 0
  /** Messages that wait for their confirmation. */
  readonly waiting: (() => void)[] = []
  #listener: ((state: BrokerState) => void) | undefined

  readonly broker = {
    kind: 'memory',
    get state(): BrokerState {
      return fickle(this).state
    },
    declare: async (): Promise<void> => {
      this.declared++
      if (!this.isWilling) throw new LovageError('BROKER_CLOSED')
    },
    publish: (message: Message, { routingKey }: { routingKey: string }): Promise<void> =>
      new Promise((resolve, reject) => {
        this.waiting.push(() => {
          if (!this.isWilling) return reject(new LovageError('PUBLISH_TIMEOUT', { timeoutMs: 1 }))
          this.keys.push(routingKey)
          this.taken.push([...readEvents(message).events])
          resolve()
        })
      }),
    onState: (listener: (state: BrokerState) => void): (() => void) => {
      this.#listener = listener
      return () => (this.#listener = undefined)
    },
  } as unknown as Broker

  constructor() {
    owners.set(this.broker, this)
  }

  turn(state: BrokerState): void {
    this.state = state
    this.#listener?.(state)
  }

  /** Answers what waits. */
  answer(): void {
    for (const one of this.waiting.splice(0)) one()
  }
}

const owners = new WeakMap<object, Fickle>()
const fickle = (broker: object): Fickle => owners.get(broker) as Fickle

const anyStep = fc.oneof(
  fc.record({ step: fc.constant('task' as const), count: fc.integer({ min: 1, max: 250 }) }),
  fc.record({ step: fc.constantFrom('beat', 'lose', 'return', 'refuse', 'allow', 'answer', 'pass') }),
)

test('every event is sent once, in order, or counted as dropped, whatever the broker does', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 40 }), async (steps) => {
      const clock = new VirtualClock()
      const there = new Fickle()
      const emitter = new Emitter({ clock, lamport: new LamportClock(), hostname: 'w@h', tasks: true })
      emitter.open(there.broker)
      let told = 0
      let beats = 0
      for (const one of steps) {
        if (one.step === 'task') {
          for (let at = 0; at < one.count; at++) emitter.task('task-started', { uuid: String(told++) })
        } else if (one.step === 'beat') {
          if (there.state === 'connected') beats++
          emitter.tell('worker-heartbeat', { freq: 2 })
        } else if (one.step === 'lose') there.turn('lost')
        else if (one.step === 'return') there.turn('connected')
        else if (one.step === 'refuse') there.isWilling = false
        else if (one.step === 'allow') there.isWilling = true
        else if (one.step === 'answer') there.answer()
        await clock.play(one.step === 'pass' ? 6_000 : 1)
        // Few are on their way, however many there are to tell; heartbeats stand beside them.
        expect(there.waiting.length).toBeLessThanOrEqual(8 + beats)
      }
      there.isWilling = true
      there.turn('connected')
      // One more starts what a refusal has left lying.
      await clock.play(6_000)
      emitter.task('task-started', { uuid: String(told++) })
      for (let at = 0; at < 500 && (emitter.waiting > 0 || there.waiting.length > 0); at++) {
        await clock.play(25)
        there.answer()
      }
      await clock.play(25)
      const started = there.taken.flat().filter(({ type }) => type === 'task-started')
      const ids = started.map(({ fields }) => Number(fields['uuid']))
      const heartbeats = there.taken.flat().length - started.length
      expect(emitter.waiting).toBe(0)
      expect(ids).toEqual([...new Set(ids)].toSorted((a, b) => a - b))
      expect(emitter.counts.sent).toBe(there.taken.flat().length)
      const lost = told - ids.length
      expect(emitter.counts.dropped).toBeGreaterThanOrEqual(lost)
      // A heartbeat that comes while the exchange cannot be declared is no loss.
      expect(emitter.counts.dropped).toBeLessThanOrEqual(lost + beats - heartbeats)
      const times = there.taken.flatMap((events) => events.map((event) => event.clock))
      expect(new Set(times).size).toBe(times.length)
      for (const [at, events] of there.taken.entries()) {
        expect(events.length).toBeLessThanOrEqual(100)
        if (events[0]?.type === 'task-started') expect(there.keys[at]).toBe('task.multi')
      }
    }),
    { numRuns: 60 },
  )
})

test('while the broker is away what waits is bounded, and the oldest make way', async () => {
  const clock = new VirtualClock()
  const there = new Fickle()
  const emitter = new Emitter({ clock, lamport: new LamportClock(), hostname: 'w@h', tasks: true })
  emitter.open(there.broker)
  there.turn('lost')
  for (let at = 0; at < 10_500; at++) emitter.task('task-started', { uuid: String(at) })
  expect([emitter.waiting, emitter.counts.dropped]).toEqual([10_000, 500])
  for (let at = 0; at < 50; at++) emitter.task('task-failed', { uuid: 'x', traceback: 'x'.repeat(1_000_000) })
  expect(emitter.waiting).toBeLessThan(20)
  there.turn('connected')
  await clock.play(25)
  for (let at = 0; at < 100 && there.waiting.length > 0; at++) {
    there.answer()
    await clock.play(25)
  }
  expect(emitter.waiting).toBe(0)
  expect(emitter.counts.sent + emitter.counts.dropped).toBe(10_550)
  // Large ones go alone.
  expect(Math.max(...there.taken.map((events) => events.length))).toBe(1)
})

test('nothing is published, declared or kept while it is turned off', async () => {
  const clock = new VirtualClock()
  const there = new Fickle()
  const lamport = new LamportClock()
  const emitter = new Emitter({ clock, lamport, hostname: 'w@h' })
  emitter.open(there.broker)
  for (let at = 0; at < 1000; at++) emitter.task('task-started', { uuid: String(at) })
  await clock.play(1_000)
  expect([emitter.waiting, there.declared, there.waiting.length, clock.waiting, lamport.value]).toEqual([0, 0, 0, 0, 0])
})

test('what has no form on the wire is counted, and holds nothing up', async () => {
  const clock = new VirtualClock()
  const there = new Fickle()
  const emitter = new Emitter({ clock, lamport: new LamportClock(), hostname: 'w@h', tasks: true })
  emitter.open(there.broker)
  emitter.task('task-odd', { uuid: 'i', value: NaN })
  emitter.task('task-started', { uuid: 'i' })
  await clock.play(25)
  there.answer()
  await clock.play(1)
  expect(emitter.counts).toEqual({ sent: 1, dropped: 1 })
})

test('the end waits a second at most', async () => {
  const clock = new VirtualClock()
  const there = new Fickle()
  const emitter = new Emitter({ clock, lamport: new LamportClock(), hostname: 'w@h', tasks: true })
  emitter.open(there.broker)
  emitter.task('task-started', { uuid: 'i' })
  let hasEnded = false
  const ended = emitter.close().then(() => (hasEnded = true))
  await clock.play(999)
  expect(hasEnded).toBe(false)
  await clock.play(2)
  await ended
  expect(hasEnded).toBe(true)
})
