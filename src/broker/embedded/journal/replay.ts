import type { Clock } from '../../../base/clock.ts'
import { log } from '../../../base/log.ts'
import type { BindingSpec, ExchangeSpec, QueueSpec } from '../../broker.ts'
import type { Engine } from '../engine.ts'
import type { ByteReader } from '../wire/byte-reader.ts'
import { readTable, writeTable } from '../wire/value-codec.ts'
import type { ByteWriter } from '../wire/byte-writer.ts'
import { Fact } from './fact.ts'
import { KeptEntry } from './kept-entry.ts'
import { RECORD } from './record.ts'
import { KeptResult } from './kept-result.ts'
import { ReplayedItems } from './replayed-items.ts'
import { leave, type Live, type Segment, settleIn } from './segment.ts'
import type { Headers } from '../../../protocol/headers.ts'

/** Names of queues, exchanges and bindings in one map. */
export const topologyKey = {
  exchange: (name: string): string => `exchange ${name}`,
  queue: (name: string): string => `queue ${name}`,
  binding: (exchange: string, queue: string, routingKey: string): string =>
    `binding ${JSON.stringify([queue, exchange, routingKey])}`,
  isBindingOf: (key: string, queue: string): boolean => key.startsWith(`binding [${JSON.stringify(queue)},`),
}

/** What the records of a journal come to, one after the other. */
export class Replay {
  readonly topology = new Map<string, Live>()
  readonly results = new Map<string, KeptResult>()
  readonly items: ReplayedItems
  #clock: Clock
  #exchanges = new Map<string, ExchangeSpec>()
  #queues = new Map<string, QueueSpec>()
  #bindings = new Map<string, BindingSpec>()
  #entries = new Map<number, KeptEntry>()
  #lastSeq = -1

  constructor(clock: Clock) {
    this.#clock = clock
    this.items = new ReplayedItems(clock)
  }

  /** Takes the next record in. One that says nothing we know is left alone. */
  take(record: ByteReader, size: number, segment: Segment): void {
    const kind = record.u8()
    switch (kind) {
      case RECORD.put:
      case RECORD.delayed:
        return this.#put(KeptEntry.read(this.#clock, record, kind), size, segment)
      case RECORD.removed:
        while (record.left > 0) this.#remove(record.f64())
        return
      case RECORD.handed:
        while (record.left > 0) this.#hand(record.f64())
        return
      case RECORD.queueDeclared: {
        const spec = readTable(record) as unknown as QueueSpec
        this.#queues.set(spec.name, spec)
        return this.#fact(topologyKey.queue(spec.name), tableFact(kind, spec), size, segment)
      }
      case RECORD.exchangeDeclared: {
        const spec = readTable(record) as unknown as ExchangeSpec
        this.#exchanges.set(spec.name, spec)
        return this.#fact(topologyKey.exchange(spec.name), tableFact(kind, spec), size, segment)
      }
      case RECORD.bound:
        return this.#bind({ exchange: record.text(), queue: record.text(), routingKey: record.text() }, size, segment)
      case RECORD.queueDeleted:
        return this.#deleteQueue(record.text())
      case RECORD.exchangeDeleted:
        return this.#deleteExchange(record.text())
      case RECORD.resultKept:
        return this.#keepResult(KeptResult.read(record), size, segment)
      case RECORD.resultDropped:
        return this.#dropResult(record.text())
      case RECORD.itemKept:
        return this.items.kept(record, size, segment)
      case RECORD.itemDropped:
        return this.items.dropped(record.text())
      case RECORD.itemsCleared:
        return this.items.cleared(record.text())
      default:
        log('warn', 'broker', 'the journal has a record of a kind that is not known here', { kind })
    }
  }

  /** Gives it all to an engine that is still empty. */
  into(engine: Engine): void {
    const nobody = engine.attach(() => {})
    const exchanges = [...this.#exchanges.values()]
    engine.declare({ exchanges, queues: [...this.#queues.values()] }, nobody)
    for (const binding of this.#bindings.values()) {
      if (this.#queues.has(binding.queue) && this.#exchanges.has(binding.exchange)) {
        engine.declare({ bindings: [binding] }, nobody)
      }
    }
    for (const kept of [...this.#entries.values()].sort((a, b) => a.entry.seq - b.entry.seq)) {
      if (!this.#queues.has(kept.queueName)) this.#adopt(kept.queueName, engine, nobody)
      kept.queue = engine.restore(kept.entry, kept.queueName)
    }
    engine.continueAfter(this.#lastSeq)
    nobody.end()
  }

  /** The record of the queue was damaged, those of its messages are whole. */
  #adopt(name: string, engine: Engine, session: Parameters<Engine['declare']>[1]): void {
    log('error', 'broker', 'the journal has lost the properties of a queue: it is durable and plain now', {
      queue: name,
    })
    const spec: QueueSpec = { name }
    this.#queues.set(name, spec)
    engine.declare({ queues: [spec] }, session)
  }

  #put(kept: KeptEntry, size: number, segment: Segment): void {
    this.#remove(kept.entry.seq)
    this.#entries.set(kept.entry.seq, kept)
    this.#lastSeq = Math.max(this.#lastSeq, kept.entry.seq)
    kept.bytes = size
    settleIn(segment, kept)
  }

  #remove(seq: number): void {
    const kept = this.#entries.get(seq)
    if (kept && this.#entries.delete(seq)) kept.forget()
  }

  #hand(seq: number): void {
    const kept = this.#entries.get(seq)
    if (!kept) return
    kept.isHanded = true
    kept.entry.redelivered = true
  }

  #bind(binding: BindingSpec, size: number, segment: Segment): void {
    const { exchange, queue, routingKey } = binding
    const key = topologyKey.binding(exchange, queue, routingKey)
    this.#bindings.set(key, binding)
    const fill = (writer: ByteWriter): void => {
      for (const text of [exchange, queue, routingKey]) writer.text(text)
    }
    this.#fact(key, new Fact(RECORD.bound, fill), size, segment)
  }

  #deleteQueue(name: string): void {
    this.#queues.delete(name)
    this.#forget(topologyKey.queue(name))
    for (const key of this.#bindings.keys()) if (topologyKey.isBindingOf(key, name)) this.#forget(key)
    for (const [seq, { queueName }] of this.#entries) if (queueName === name) this.#remove(seq)
  }

  #deleteExchange(name: string): void {
    this.#exchanges.delete(name)
    this.#forget(topologyKey.exchange(name))
    for (const [key, { exchange }] of this.#bindings) if (exchange === name) this.#forget(key)
  }

  #keepResult(result: KeptResult, size: number, segment: Segment): void {
    this.#dropResult(result.key)
    if (result.expiresAtMs <= this.#clock.now()) return
    this.results.set(result.key, result)
    result.bytes = size
    settleIn(segment, result)
  }

  #dropResult(key: string): void {
    const result = this.results.get(key)
    if (result && this.results.delete(key)) leave(result)
  }

  #fact(key: string, fact: Fact, size: number, segment: Segment): void {
    this.#forget(key, false)
    fact.bytes = size
    this.topology.set(key, fact)
    settleIn(segment, fact)
  }

  #forget(key: string, isAll = true): void {
    const live = this.topology.get(key)
    if (live) leave(live)
    this.topology.delete(key)
    if (isAll) this.#bindings.delete(key)
  }
}

function tableFact(kind: number, spec: QueueSpec | ExchangeSpec): Fact {
  return new Fact(kind, (writer) => writeTable(writer, spec as unknown as Headers))
}
