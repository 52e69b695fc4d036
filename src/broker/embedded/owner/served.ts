import { PassingMap } from '../../../base/passing.ts'
import type { Socket } from 'node:net'
import { isLovageError, LovageError, messageOf } from '../../../base/errors.ts'
import { log } from '../../../base/log.ts'
import type { HeaderValue, Headers } from '../../../protocol/headers.ts'
import type { Topology } from '../../broker.ts'
import type { Session } from '../session.ts'
import { type EngineDelivery, Subscription } from '../subscription.ts'
import type { ByteReader } from '../wire/byte-reader.ts'
import { ByteWriter } from '../wire/byte-writer.ts'
import { ASK, FrameReader, PUBLISH, SAY, SETTLEMENTS, WIRE_VERSION, writeFrame } from '../wire/frames.ts'
import { checkPacked, PackedMessage } from '../wire/packed-message.ts'
import { readTable, writeTable, writeValue } from '../wire/value-codec.ts'
import type { EngineServer } from './engine-server.ts'
import { listed, writeDelivery } from './served-messages.ts'
import { ServedResults } from './served-results.ts'
import { ServedTables } from './served-tables.ts'

/** Bytes on their way to a client above which it gets no further deliveries until they have gone. */
const MOST_UNSENT_BYTES = 2 * 2 ** 20

/** One client of the engine: its connection, and what it holds there. */
export class Served {
  readonly session: Session
  #server: EngineServer
  #socket: Socket
  #tables: ServedTables
  #reader = new FrameReader()
  #writer = new ByteWriter()
  #done: number[] = []
  #consumers = new Map<number, Subscription>()
  #deliveries = new PassingMap<number, EngineDelivery>()
  #lastDelivery = 0
  #isGreeted = false
  #results: ServedResults
  #isBlocked = false

  constructor(server: EngineServer, socket: Socket) {
    this.#server = server
    this.#socket = socket
    this.session = server.engine.attach((queue) => this.say(SAY.queueLost, (writer) => writer.text(queue)))
    this.#results = new ServedResults(this, server.results, (fn) => server.whenDurable(fn))
    this.#tables = new ServedTables(server, () => server.willWrite(this))
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('drain', () => {
      this.#setBlocked(false)
      server.willWrite(this)
    })
    socket.on('error', () => {
      // 'close' follows, and says all there is to say.
    })
    socket.on('close', () => this.#end())
  }

  /** The request is fulfilled. */
  done(id: number): void {
    this.#done.push(id)
    this.#server.willWrite(this)
  }

  fail(id: number, error: unknown): void {
    const known = isLovageError(error) ? error : new LovageError('PUBLISH_REFUSED', { problem: messageOf(error) })
    this.say(SAY.failed, (writer) => {
      writer.u32(id)
      writer.text(known.code)
      writeTable(writer, known.details as Headers)
    })
  }

  answer(id: number, value: HeaderValue): void {
    this.say(SAY.answer, (writer) => {
      writer.u32(id)
      writeValue(writer, value)
    })
  }

  /** More is on its way to it than it reads: what can wait, waits. */
  get isBehind(): boolean {
    return this.#socket.writableLength + this.#writer.length > MOST_UNSENT_BYTES
  }

  /** Says what was not asked for. */
  say(kind: number, fill: (writer: ByteWriter) => void): void {
    writeFrame(this.#writer, kind, () => fill(this.#writer))
    this.#server.willWrite(this)
  }

  /** Sends all that was said in this turn, in one write. */
  flush(): void {
    if (this.#done.length > 0) {
      const ids = this.#done
      this.#done = []
      writeFrame(this.#writer, SAY.done, () => {
        for (const id of ids) this.#writer.u32(id)
      })
    }
    if (this.#socket.writableLength <= MOST_UNSENT_BYTES) this.#tables.write(this.#writer)
    this.#results.sendLate()
    if (this.#writer.length === 0 || this.#socket.destroyed) return
    this.#socket.write(this.#writer.take())
    this.#setBlocked(this.isBehind)
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #setBlocked(isBlocked: boolean): void {
    if (this.#isBlocked === isBlocked) return
    this.#isBlocked = isBlocked
    this.session.setBlocked(isBlocked)
  }

  #take(chunk: Buffer): void {
    try {
      this.#reader.push(chunk, (kind, frame) => this.#onFrame(kind, frame))
    } catch (error) {
      log('error', 'broker', 'a client of the embedded broker cannot be understood', { error: messageOf(error) })
      this.#socket.destroy()
    }
  }

  #onFrame(kind: number, frame: ByteReader): void {
    if (!this.#isGreeted) return this.#greet(kind, frame)
    switch (kind) {
      case ASK.publish:
        return this.#publish(frame)
      case ASK.settle:
        return this.#settle(frame)
      case ASK.credit:
        return this.#credit(frame)
      case ASK.unwatch:
        return this.#results.unwatch(frame.text())
      case ASK.watch:
        return this.#results.watch(frame)
      case ASK.unwatchTable:
        return this.#tables.unwatch(frame)
      default:
        return this.#ask(frame.u32(), kind, frame)
    }
  }

  #greet(kind: number, frame: ByteReader): void {
    const version = kind === ASK.hello ? frame.u32() : 0
    this.#isGreeted = version === WIRE_VERSION
    writeFrame(this.#writer, SAY.welcome, () => {
      this.#writer.u32(WIRE_VERSION)
      this.#writer.u32(process.pid)
    })
    this.#server.willWrite(this)
    if (!this.#isGreeted) this.#socket.end(this.#writer.take())
  }

  #publish(frame: ByteReader): void {
    const id = frame.u32()
    const flags = frame.u8()
    const atMs = flags & PUBLISH.isDelayed ? frame.time() : undefined
    const to = { exchange: frame.text(), routingKey: frame.text() }
    try {
      // A copy: a view would keep the whole chunk in memory for as long as the message waits.
      const message = new PackedMessage(Buffer.from(frame.rest()))
      checkPacked(message)
      this.#server.publish(this, { id, message, to, atMs, isMandatory: (flags & PUBLISH.isMandatory) !== 0 })
    } catch (error) {
      this.fail(id, error)
    }
  }

  #settle(frame: ByteReader): void {
    const how = SETTLEMENTS[frame.u8()]
    const tag = frame.f64()
    const delivery = this.#deliveries.get(tag)
    if (!delivery || !how) return
    this.#deliveries.delete(tag)
    this.session.settle(delivery, how)
    this.#server.lookIfDrained()
  }

  #credit(frame: ByteReader): void {
    const subscription = this.#consumers.get(frame.u32())
    if (!subscription) return
    subscription.prefetch = frame.u32()
    this.#server.engine.feed(subscription)
  }

  #ask(id: number, kind: number, frame: ByteReader): void {
    try {
      if (this.#results.answer(id, kind, frame)) return
      // What was published before on this connection comes first.
      this.#server.commit()
      this.#answerTo(id, kind, frame)
    } catch (error) {
      if (error instanceof RangeError) throw error
      this.fail(id, error)
    }
  }

  #answerTo(id: number, kind: number, frame: ByteReader): void {
    const { engine } = this.#server
    switch (kind) {
      case ASK.probe:
        return this.done(id)
      case ASK.declare:
        engine.declare(readTable(frame) as Topology, this.session)
        return this.#server.whenDurable(() => this.done(id))
      case ASK.consume:
        return this.#consume(id, frame)
      case ASK.cancel:
        return this.#cancel(id, frame.u32())
      case ASK.depth:
        return this.answer(id, (engine.depth(frame.text()) ?? null) as HeaderValue)
      case ASK.purge: {
        const count = engine.purge(frame.text(), this.session)
        return this.#server.whenDurable(() => this.answer(id, count))
      }
      case ASK.deleteQueue:
        engine.deleteQueue(frame.text())
        return this.#server.whenDurable(() => this.done(id))
      case ASK.get:
        return this.#get(id, frame.text())
      case ASK.keep:
        return this.#keep(id, frame.f64(), frame.time())
      case ASK.listDelayed:
        return this.answer(id, listed(engine.delayed.list(frame.text(), frame.u32())))
      case ASK.purgeDelayed: {
        const count = engine.delayed.purge(frame.text())
        return this.#server.whenDurable(() => this.answer(id, count))
      }
      default:
        return this.#tables.ask(kind, frame, (answer) => this.answer(id, answer))
    }
  }

  #consume(id: number, frame: ByteReader): void {
    const [consumer, prefetch, noAck, isAgain] = [frame.u32(), frame.u32(), frame.u8() === 1, frame.u8() === 1]
    const queueNames: string[] = []
    while (frame.left > 0) queueNames.push(frame.text())
    const subscription = new Subscription(this.session, {
      queueNames,
      prefetch,
      noAck,
      onDelivery: (delivery) => this.#deliver(consumer, delivery as EngineDelivery, noAck),
    })
    // Asked twice, because the answer was lost: the first must not go on unseen.
    const former = this.#consumers.get(consumer)
    this.#server.engine.subscribe(subscription, isAgain)
    if (former) this.session.cancel(former)
    this.#consumers.set(consumer, subscription)
    this.done(id)
  }

  #cancel(id: number, consumer: number): void {
    const subscription = this.#consumers.get(consumer)
    this.#consumers.delete(consumer)
    if (subscription) this.session.cancel(subscription)
    this.done(id)
  }

  #deliver(consumer: number, delivery: EngineDelivery, noAck: boolean): void {
    const tag = ++this.#lastDelivery
    if (!noAck) this.#deliveries.set(tag, delivery)
    this.say(SAY.deliver, (writer) => {
      writer.u32(consumer)
      writeDelivery(writer, tag, delivery)
    })
    if (this.isBehind) this.#setBlocked(true)
  }

  #get(id: number, queue: string): void {
    const delivery = this.#server.engine.get(queue, this.session)
    if (!delivery) return this.answer(id, null)
    const tag = ++this.#lastDelivery
    this.#deliveries.set(tag, delivery)
    const writer = new ByteWriter()
    writeDelivery(writer, tag, delivery)
    this.answer(id, writer.take())
  }

  #keep(id: number, tag: number, untilMs: number): void {
    const delivery = this.#deliveries.get(tag)
    this.#deliveries.delete(tag)
    const isKept = delivery !== undefined && this.session.settle(delivery, { untilMs })
    this.#server.lookIfDrained()
    this.#server.whenDurable(() => this.answer(id, isKept))
  }

  #end(): void {
    this.#server.forget(this)
    this.#results.end()
    this.#tables.end()
    this.#deliveries.clear()
    this.session.end()
    this.#server.lookIfDrained()
  }
}
