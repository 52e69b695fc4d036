import { type Call, Calls } from '../../../base/calls.ts'
import { LovageError, messageOf } from '../../../base/errors.ts'
import type { Service } from '../../../base/service.ts'
import type { Headers } from '../../../protocol/headers.ts'
import { type Answer, isHarmless, type Operation, type OperationName, type Watchable } from '../tables/operation.ts'
import type { ByteReader } from '../wire/byte-reader.ts'
import type { ByteWriter } from '../wire/byte-writer.ts'
import { ASK, SAY } from '../wire/frames.ts'
import { writeTable } from '../wire/value-codec.ts'
import { EngineClient, type EngineClientOptions } from './engine-client.ts'
import type { Line } from './line.ts'

/** How a {@link TablesClient} is made. */
export interface TablesClientOptions extends EngineClientOptions {
  /** Longest wait for an answer, reconnects included. */
  readonly answerTimeoutMs: number
}

interface Watch {
  readonly what: Watchable
  readonly key: string
  readonly watchers: Set<() => void>
}

/** The tables of an embedded broker, in this process or another. What is answered outlives all of them. */
export class TablesClient implements Service {
  readonly #options: TablesClientOptions
  readonly #client: EngineClient
  #line: Line | undefined
  readonly #calls: Calls<Operation, Answer>
  readonly #watches = new Map<string, Watch>()

  constructor(options: TablesClientOptions) {
    this.#options = options
    this.#calls = new Calls({
      clock: options.clock,
      timeoutMs: options.answerTimeoutMs,
      late: () => this.#late(),
      full: (problem) => this.#unreachable(problem),
    })
    this.#client = new EngineClient(options)
    this.#client.join({
      onUp: (line) => this.#onUp(line),
      onDown: () => (this.#line = undefined),
      onSay: (kind, frame) => this.#onSay(kind, frame),
      onStopping: () => this.#calls.untilIdle(),
    })
  }

  /** @throws LovageError as `EngineClient.start` does */
  start(): Promise<void> {
    return this.#client.start()
  }

  async stop(): Promise<void> {
    await this.#client.stop()
    if (this.#client.state !== 'stopped') return
    this.#calls.failAll(this.#unreachable('it was stopped before it had answered'))
    this.#watches.clear()
  }

  /**
   * Takes one step. Steps are said in the order in which they are asked for. One whose answer was lost with the
   * connection is only asked again when that can change nothing.
   * @throws LovageError `BROKER_CLOSED`, `BROKER_UNREACHABLE`, and as `Tables.apply` does
   */
  async apply<Name extends OperationName>(operation: Operation<Name>): Promise<Answer<Name>> {
    this.#client.assertOpen()
    const { call, answered } = this.#calls.open(operation as Operation)
    if (this.#line) this.#say(this.#line, call)
    else this.#calls.later(call)
    return answered as Promise<Answer<Name>>
  }

  /**
   * Calls `watcher` when there is something to be read or taken, and when a lost connection is back.
   * @throws LovageError `BROKER_CLOSED`, `BROKER_UNREACHABLE`
   */
  async watch(what: Watchable, key: string, watcher: () => void): Promise<() => void> {
    this.#client.assertOpen()
    const name = `${what} ${key}`
    const watch = this.#watches.get(name) ?? { what, key, watchers: new Set() }
    this.#watches.set(name, watch)
    watch.watchers.add(watcher)
    const end = (): void => {
      if (!watch.watchers.delete(watcher) || watch.watchers.size > 0) return
      this.#watches.delete(name)
      this.#line?.say(ASK.unwatchTable, (writer) => writeWatch(writer, watch))
    }
    try {
      await this.#client.ask(ASK.watchTable, (writer) => writeWatch(writer, watch))
    } catch (error) {
      end()
      throw error
    }
    return end
  }

  async #onUp(line: Line): Promise<void> {
    const watches = [...this.#watches.values()]
    const asked = watches.map((watch) =>
      this.#client.askOn(line, ASK.watchTable, (writer) => writeWatch(writer, watch)),
    )
    await Promise.all(asked)
    this.#line = line
    for (const call of this.#calls.takeUnsaid()) this.#say(line, call)
    // While nobody listened they may have moved.
    for (const { watchers } of watches) for (const watcher of watchers) watcher()
  }

  #onSay(kind: number, frame: ByteReader): boolean {
    if (kind !== SAY.moved) return false
    const name = `${frame.text()} ${frame.text()}`
    for (const watcher of this.#watches.get(name)?.watchers ?? []) watcher()
    return true
  }

  #say(line: Line, call: Call<Operation, Answer>): void {
    const operation = call.asked
    try {
      line.ask(
        ASK.operate,
        {
          done: (value) => call.settle(value as unknown as Answer),
          failed: (error) => call.fail(error),
          lost: () => {
            if (isHarmless(operation)) this.#calls.later(call)
            else call.fail(this.#unreachable('the connection was lost before it had answered'))
          },
        },
        (writer) => writeTable(writer, operation as unknown as Headers),
      )
    } catch (error) {
      call.fail(this.#unreachable(messageOf(error)))
    }
  }

  #late(): LovageError {
    if (!this.#line) return this.#client.unreachable()
    return this.#unreachable(`no answer within ${this.#options.answerTimeoutMs} ms`)
  }

  #unreachable(problem: string): LovageError {
    return new LovageError('BROKER_UNREACHABLE', { url: this.#options.url, problem })
  }
}

function writeWatch(writer: ByteWriter, { what, key }: Watch): void {
  writer.text(what)
  writer.text(key)
}
