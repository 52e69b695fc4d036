import type { QueueSpec } from '../../src/broker/broker.ts'
import { isLovageError } from '../../src/base/errors.ts'
import type { EngineDelivery } from '../../src/broker/embedded/subscription.ts'
import { textOf } from '../../src/testing/broker/scene.ts'
import { seededRandom } from '../../src/testing/seeded.ts'
import { FakeFiles } from '../../src/testing/simulator/fake-files.ts'
import { KeptEngine, turns } from '../broker/embedded/kept-engine.ts'
import { type Known, labelOf, type Progress, reaches } from './kept-engine-known.ts'
import type { Step } from './kept-engine-steps.ts'

const DEAD: QueueSpec = { name: 'dead' }
const QUEUES: Record<string, QueueSpec> = {
  a: { name: 'a', arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' } },
  b: { name: 'b' },
}

/** So small that almost every step begins a file, and empties another. */
const SEGMENT_BYTES = 300

/** An engine beside what must be true of it. */
export class KeptEngineModel {
  #files = new FakeFiles()
  #engine: KeptEngine
  #known: Known[] = []
  #results = new Map<string, { value: string | undefined; progress: Progress; older: (string | undefined)[] }>()
  #held: { delivery: EngineDelivery; known: Known }[] = []
  #generation = 0
  /** The disk has been full since somebody last made room: what is told may not be written. */
  #isFull = false
  #count = 0
  /** Dead letters, in the order of their deaths. */
  #deaths: Known[] = []

  constructor() {
    this.#engine = this.#open()
  }

  async run(steps: readonly Step[]): Promise<void> {
    await this.#declare()
    for (const step of steps) await this.#take(step)
    await this.#free()
    await this.#restart(this.#files.afterKill(), 'written')
  }

  async #take(step: Step): Promise<void> {
    if ('size' in step && 'queue' in step) return this.#publish(step.queue, step.size, step.isKept)
    if ('size' in step) return this.#put(step.key, step.size)
    if ('nth' in step) return this.#settle(step.nth, step.do)
    if ('key' in step) return this.#put(step.key, undefined)
    if ('queue' in step) return step.do === 'get' ? this.#get(step.queue) : this.#clear(step.queue, step.do)
    if (step.do === 'turn') return this.#turn()
    if (step.do === 'free') return this.#free()
    if ('room' in step) return this.#fill(step.room)
    if (step.do === 'hold') return void (this.#files.held ??= [])
    if (step.do === 'durable') return this.#durable()
    if (step.do === 'kill') return this.#restart(this.#files.afterKill(), 'written')
    if ('seed' in step) return this.#restart(this.#files.afterPowerLoss(seededRandom(step.seed)), 'durable')
    await this.#durable()
    await this.#engine.server.stop()
    return this.#restart(this.#files.afterKill(), 'written')
  }

  #open(): KeptEngine {
    return new KeptEngine(this.#files, { seed: ++this.#generation, segmentBytes: SEGMENT_BYTES })
  }

  async #declare(): Promise<void> {
    this.#files.release()
    const { engine } = this.#engine.server
    const missing = [...Object.values(QUEUES), DEAD].filter(({ name }) => !engine.depth(name))
    await this.#engine.declare(...missing)
  }

  #publish(queueName: string, size: number, isKept: boolean): void {
    const { engine } = this.#engine.server
    const text = `${++this.#count}`.padEnd(size, '.')
    const known: Known = {
      ...{ text, isKept, queue: queueName, isConfirmed: false, isRefused: false },
      ...{ handed: undefined, gone: undefined, rejected: undefined },
    }
    if (!engine.depth(queueName)) engine.declare({ queues: [QUEUES[queueName] as QueueSpec] }, this.#engine.session)
    this.#known.push(known)
    const now = this.#generation
    this.#engine.publish(queueName, text, { deliveryMode: isKept ? 2 : 1 }).then(
      () => {
        if (now === this.#generation) known.isConfirmed = true
      },
      (error: unknown) => {
        if (!isLovageError(error, 'PUBLISH_REFUSED') || !this.#isFull) throw error
        if (now === this.#generation) known.isRefused = true
      },
    )
  }

  #get(queueName: string): void {
    this.#engine.server.commit()
    if (!this.#engine.server.engine.depth(queueName)) return
    const delivery = this.#engine.get(queueName)
    if (!delivery) return
    const known = this.#named(textOf(delivery))
    // Written down as handed before, it can only be told again; it never gets less.
    known.handed ??= 'asked'
    this.#held.push({ delivery, known })
  }

  #settle(at: number, how: string): void {
    const [one] = this.#held.splice(at % Math.max(1, this.#held.length), 1)
    if (!one) return
    this.#engine.server.commit()
    if (how === 'ack') one.known.gone = one.delivery.ack() ? 'asked' : one.known.gone
    else if (how === 'requeue') one.delivery.requeue()
    else if (one.delivery.reject() && one.known.gone === undefined) this.#reject(one.known)
  }

  #reject(known: Known): void {
    if (known.queue === 'a') {
      known.rejected = 'asked'
      known.handed = undefined
      this.#deaths.push(known)
    } else known.gone = 'asked'
  }

  #clear(queueName: string, how: string): void {
    const { server, session } = this.#engine
    server.commit()
    if (!server.engine.depth(queueName)) return
    const held = new Set(how === 'purge' ? this.#held.map(({ known }) => known) : [])
    for (const known of this.#known) {
      if (known.queue === queueName && !known.rejected && !held.has(known)) known.gone ??= 'asked'
    }
    if (how === 'purge') server.engine.purge(queueName, session)
    else server.engine.deleteQueue(queueName)
  }

  #put(name: string, size: number | undefined): void {
    const before = this.#results.get(name)
    const value = size === undefined ? undefined : `${++this.#count}`.padEnd(size, '.')
    const { results } = this.#engine.server
    // One that is final stays as it is.
    if (value !== undefined && results.get(name)) return
    if (value === undefined) results.delete(name)
    else results.put(name, Buffer.from(value), 1e9, true)
    const older = before ? [...(before.progress === 'durable' ? [] : before.older), before.value] : [undefined]
    this.#results.set(name, { value, progress: 'asked', older })
  }

  /** Leaves so little room; less than none takes up what is put aside too. */
  #fill(room: number): void {
    this.#isFull = true
    this.#files.room = room
  }

  /** Makes room, and gives the engine the time to find it. */
  async #free(): Promise<void> {
    this.#files.room = Infinity
    if (!this.#isFull) return
    await turns(2)
    this.#engine.clock.advance(1_000)
    await turns(2)
    this.#isFull = false
    await this.#turn()
  }

  async #turn(): Promise<void> {
    await turns(2)
    if (this.#isFull) return
    this.#advance('asked', 'written')
  }

  async #durable(): Promise<void> {
    this.#files.release()
    await turns(2)
    await this.#engine.durable()
    if (this.#isFull) return
    this.#advance('asked', 'written')
    this.#advance('written', 'durable')
  }

  #advance(from: Progress, to: Progress): void {
    for (const one of this.#known) {
      if (one.gone === from) one.gone = to
      if (one.handed === from) one.handed = to
      if (one.rejected === from) one.rejected = to
    }
    for (const result of this.#results.values()) if (result.progress === from) result.progress = to
  }

  async #restart(files: FakeFiles, survives: 'written' | 'durable'): Promise<void> {
    this.#files = files
    this.#held = []
    this.#engine = this.#open()
    const found = new Map<string, Known[]>()
    for (const name of ['a', 'b', 'dead']) found.set(name, this.#check(name, survives))
    for (const known of this.#known) {
      const places = [...found].filter(([, there]) => there.includes(known)).map(([name]) => name)
      this.#judge(known, places, survives)
    }
    this.#checkResults(survives)
    this.#known = this.#known.filter((known) => known.gone === undefined)
    this.#deaths = this.#deaths.filter((known) => known.gone === undefined)
    await this.#declare()
    await this.#durable()
    for (const known of this.#known) {
      known.isConfirmed = true
      known.handed = this.#isFull ? (known.handed ?? 'asked') : 'durable'
    }
  }

  /** What is in a queue, all of it known and in order. */
  #check(name: string, survives: Progress): Known[] {
    if (!this.#engine.server.engine.depth(name)) return []
    const deliveries: EngineDelivery[] = []
    for (let next = this.#engine.get(name); next; next = this.#engine.get(name)) deliveries.push(next)
    const there = deliveries.map((delivery) => this.#named(textOf(delivery)))
    const order = name === 'dead' ? this.#deaths : this.#known
    const places = there.map((known) => order.indexOf(known))
    places.forEach((place, at) => {
      if (at > 0 && place <= (places[at - 1] as number)) throw new Error(`${name} is out of order`)
    })
    for (const { redelivered, message, queue: queueName } of deliveries) {
      const known = this.#named(new TextDecoder().decode(message.body))
      if (queueName === 'dead' || known.rejected) continue
      if (redelivered && !known.handed) throw new Error(`${labelOf(known)} was in nobody's hands`)
      if (!redelivered && reaches(known.handed, survives)) throw new Error(`${labelOf(known)} was in somebody's hands`)
    }
    for (const delivery of deliveries.toReversed()) delivery.requeue()
    return there
  }

  #judge(known: Known, places: string[], survives: Progress): void {
    const where = `${labelOf(known)}, found in [${places.join()}]`
    if (known.isRefused && places.length > 0) throw new Error(`${where}, was refused`)
    if (!known.isKept && places.length > 0) throw new Error(`${where}, was not to be kept`)
    if (known.isKept && known.isConfirmed && !known.gone && places.length === 0) throw new Error(`${where}, is lost`)
    if (reaches(known.gone, survives) && places.length > 0) throw new Error(`${where}, was done with`)
    if (reaches(known.rejected, survives) && places.includes('a')) throw new Error(`${where}, was rejected`)
    if (places.some((place) => place !== known.queue && !(place === 'dead' && known.rejected))) {
      throw new Error(`${where}, does not belong there`)
    }
    if (places.length > 1 && reaches(known.rejected, survives)) throw new Error(`${where}, is there twice`)
    this.#settleDown(known, places)
  }

  /** From now on it is where it was found. */
  #settleDown(known: Known, places: string[]): void {
    known.gone = places.length === 0 ? 'durable' : undefined
    if (places.length === 2) {
      // Two messages from now on; the older copy is taken away.
      const held: EngineDelivery[] = []
      for (let next = this.#engine.get('a'); next; next = this.#engine.get('a')) held.push(next)
      for (const delivery of held.toReversed()) {
        if (textOf(delivery) === known.text) delivery.ack()
        else delivery.requeue()
      }
    }
    if (places.includes('dead')) {
      known.queue = 'dead'
      known.rejected = 'durable'
    } else known.rejected = undefined
    if (known.rejected === undefined) this.#deaths = this.#deaths.filter((one) => one !== known)
  }

  #checkResults(survives: Progress): void {
    for (const [name, result] of this.#results) {
      const found = this.#engine.server.results.get(name)?.value.toString()
      const allowed = reaches(result.progress, survives) ? [result.value] : [result.value, ...result.older]
      if (!allowed.includes(found)) throw new Error(`result ${name} is ${found}, not one of ${allowed.join()}`)
      this.#results.set(name, { value: found, progress: 'durable', older: [] })
    }
  }

  #named(text: string): Known {
    const known = this.#known.find((one) => one.text === text)
    if (!known) throw new Error(`nobody published ${text}`)
    return known
  }
}
