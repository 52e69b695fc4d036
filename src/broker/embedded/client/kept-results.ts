import { PassingSet } from '../../../base/passing.ts'
import { isLovageError } from '../../../base/errors.ts'
import type { Service } from '../../../base/service.ts'
import { Window } from '../../../base/window.ts'
import type { ByteReader } from '../wire/byte-reader.ts'
import type { ByteWriter } from '../wire/byte-writer.ts'
import { ASK, SAY } from '../wire/frames.ts'
import type { EngineClient } from './engine-client.ts'
import type { Line } from './line.ts'

/** Keys that are watched with one question after a loss. */
const KEYS_AT_ONCE = 1000

/** Values that wait for their confirmation at a time. */
const PUTS_AT_ONCE = 2000

/** Hears of each value under a key that is watched. */
export type ResultListener = (key: string, value: Uint8Array) => void

/** The results that an engine keeps, each under its key and for its time. */
export interface KeptResults extends Service {
  /** Keeps a value and tells those who watch it. Resolves when it outlives the process; a final one is not overwritten. */
  put(key: string, value: Uint8Array, options: { keepMs: number; isFinal: boolean }): Promise<void>
  get(key: string): Promise<Uint8Array | undefined>
  drop(key: string): Promise<void>
  /**
   * Tells of the value that is there, and of each that comes, until `unwatch`. On the connection of the one who publishes,
   * what comes of a message that is published after this call is not missed, without waiting for it.
   */
  watch(key: string): void
  unwatch(key: string): void
}

/** Results over the connection of a client. */
export class ServedResults implements KeptResults {
  #client: EngineClient
  #isOwn: boolean
  #onResult: ResultListener
  #watched = new PassingSet<string>()
  #puts = new Window(PUTS_AT_ONCE, (error) => isLovageError(error, 'BROKER_UNREACHABLE'))
  /** The connection that was told of all that is watched. Others may have to wait for it still. */
  #line: Line | undefined
  #leave: (() => void) | undefined

  /** `isOwn`: nobody else starts and stops the client. */
  constructor(client: EngineClient, isOwn: boolean, onResult: ResultListener) {
    this.#client = client
    this.#isOwn = isOwn
    this.#onResult = onResult
  }

  /** Where the connection is a broker's, that must be started first. */
  async start(): Promise<void> {
    this.#leave ??= this.#client.join({
      onUp: (line) => this.#watchAgain(line),
      onDown: () => (this.#line = undefined),
      onSay: (kind, frame) => this.#onSay(kind, frame),
    })
    if (this.#isOwn) return this.#client.start()
    this.#client.assertOpen()
    this.#line ??= this.#client.line
  }

  async stop(): Promise<void> {
    for (const key of [...this.#watched]) this.unwatch(key)
    this.#leave?.()
    this.#leave = undefined
    this.#line = undefined
    if (this.#isOwn) await this.#client.stop()
  }

  async put(key: string, value: Uint8Array, { keepMs, isFinal }: { keepMs: number; isFinal: boolean }): Promise<void> {
    const fill = (writer: ByteWriter): void => {
      writer.text(key)
      writer.bytes(value)
      writer.f64(keepMs)
      writer.u8(isFinal ? 1 : 0)
    }
    await this.#puts.run(() => this.#client.ask(ASK.putResult, fill))
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const value = await this.#client.ask(ASK.getResult, (writer) => writer.text(key))
    return value instanceof Uint8Array ? value : undefined
  }

  async drop(key: string): Promise<void> {
    await this.#client.ask(ASK.dropResult, (writer) => writer.text(key))
  }

  watch(key: string): void {
    if (this.#watched.has(key)) return
    this.#watched.add(key)
    // While there is no connection: the next one begins with all that is watched.
    this.#line?.say(ASK.watch, (writer) => writer.text(key))
  }

  unwatch(key: string): void {
    if (this.#watched.delete(key)) this.#line?.say(ASK.unwatch, (writer) => writer.text(key))
  }

  async #watchAgain(line: Line): Promise<void> {
    this.#line = line
    const keys = [...this.#watched]
    for (let at = 0; at < keys.length; at += KEYS_AT_ONCE) {
      line.say(ASK.watch, (writer) => {
        for (const key of keys.slice(at, at + KEYS_AT_ONCE)) writer.text(key)
      })
    }
    await this.#client.askOn(line, ASK.probe)
  }

  #onSay(kind: number, frame: ByteReader): boolean {
    if (kind !== SAY.result) return false
    const key = frame.text()
    if (this.#watched.has(key)) this.#onResult(key, frame.rest())
    return true
  }
}
