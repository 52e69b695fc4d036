import { expect, test } from 'vitest'
import type { Carrier, CarrierEvents } from '../../src/pool/child/carrier.ts'
import type { CrewOptions } from '../../src/pool/child/crew-options.ts'
import { Crew } from '../../src/pool/child/crew.ts'
import type { Order } from '../../src/pool/child/messages.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

/** A child that does what the test says. */
class Puppet implements Carrier {
  readonly id: number
  readonly orders: Order[] = []
  readonly #events: CarrierEvents
  isGone = false

  constructor(id: number, events: CarrierEvents) {
    this.id = id
    this.#events = events
  }

  get isToldToGo(): boolean {
    return this.orders.some((order) => 'kind' in order && order.kind === 'end')
  }

  ready(bytes = 0): void {
    this.#events.onReports([{ kind: 'ready' }])
    this.weighs(bytes)
  }

  weighs(bytes: number): void {
    this.#events.onReports([{ kind: 'memory', memory: { bytes, heapBytes: 0, atMs: 0 }, lag: undefined }])
  }

  dies(): void {
    this.isGone = true
    this.#events.onExit({ exitCode: 1, signal: null })
  }

  send(orders: readonly Order[]): void {
    this.orders.push(...orders)
  }

  kill(): void {
    if (!this.isGone) this.dies()
  }
}

function stage(options: Partial<CrewOptions> = {}) {
  const clock = new VirtualClock()
  const puppets: Puppet[] = []
  let rooms = 0
  const crew = new Crew({
    kind: 'processes',
    clock,
    start: (events) => {
      const puppet = new Puppet(puppets.length + 1, events)
      puppets.push(puppet)
      return puppet
    },
    beginning: {
      ...{ kind: 'processes', modules: [], hostname: 'here', app: 'app', tasks: [], accept: [], types: 'typed' },
      ...{ maxBodyBytes: undefined, stallMs: undefined },
    },
    ...{ perChild: 1, size: 2, maxTasksPerChild: undefined, maxMemoryPerChild: undefined },
    onRoom: () => void rooms++,
    onReport: () => {},
    onDeath: () => {},
    ...options,
  })
  return { clock, crew, puppets, rooms: () => rooms }
}

test('children that are all near their most of memory from the start have one each to take their place', () => {
  const { crew, puppets } = stage({ maxMemoryPerChild: 100 })
  for (let round = 0; round < 20; round++) {
    crew.want(2)
    for (const puppet of puppets) puppet.ready(95)
  }
  expect(puppets).toHaveLength(4)
})

test('a size that changes during a reload waits until it is done', async () => {
  for (const size of [1, 3]) {
    const { clock, crew, puppets } = stage()
    crew.want(2)
    for (const puppet of puppets) puppet.ready()
    const reloading = crew.reload()
    crew.resize(size)
    await clock.play(0)
    const [, , ...fresh] = puppets
    expect(fresh.map(({ isToldToGo }) => isToldToGo)).toEqual([false, false])
    for (const puppet of fresh) puppet.ready()
    await reloading
    await clock.play(0)
    expect(puppets.map(({ isToldToGo }) => isToldToGo)).toEqual([true, true, false, size === 1])
  }
})

test('a child that is not wanted any more before it is ready leaves no timer behind', async () => {
  const { clock, crew, puppets } = stage()
  crew.want(2)
  crew.resize(1)
  await clock.play(0)
  const [stays, gone] = puppets as [Puppet, Puppet]
  expect(gone.isToldToGo).toBe(true)
  gone.dies()
  stays.ready()
  expect(clock.waiting).toBe(0)
})

test('one that is told to go before it is ready, and becomes ready, is ended when it does not go', async () => {
  const { clock, crew, puppets } = stage()
  crew.want(2)
  crew.resize(1)
  puppets[0]?.ready()
  puppets[1]?.ready()
  await clock.play(30_000)
  expect(puppets.map(({ isGone }) => isGone)).toEqual([false, true])
})

test('after a child that could not start none is started at once, and who waits for one is told when to look again', async () => {
  const { clock, crew, puppets, rooms } = stage()
  crew.quarantine()
  puppets[0]?.dies()
  expect(crew.quarantine()).toBe(false)
  const before = rooms()
  await clock.play(11_000)
  expect(rooms()).toBeGreaterThan(before)
  expect(crew.quarantine()).toBe(true)
  expect(puppets).toHaveLength(2)
})

test('a quarantine that nobody needs any more when it is ready ends', async () => {
  const { clock, crew, puppets } = stage()
  crew.quarantine()
  puppets[0]?.ready()
  await clock.play(0)
  expect(puppets[0]?.isToldToGo).toBe(true)
})
