import type { Clock } from '../../../base/clock.ts'
import { DueHeap } from '../../../base/due-heap.ts'
import { LovageError, messageOf } from '../../../base/errors.ts'
import type { Service } from '../../../base/service.ts'
import type { Headers } from '../../../protocol/headers.ts'
import type { Answer, Operation, OperationName, Watchable } from '../tables/operation.ts'
import type { ByteReader } from '../wire/byte-reader.ts'
import type { ByteWriter } from '../wire/byte-writer.ts'
import { ASK, SAY } from '../wire/frames.ts'
import { writeTable } from '../wire/value-codec.ts'
import { EngineClient, type EngineClientOptions } from './engine-client.ts'
import type { Line } from './line.ts'

/** More calls may not wait at a time. */
const MOST_CALLS = 100_000

/** How a {@link TablesClient} is made. */
export interface TablesClientOptions extends EngineClientOptions {
  /** Longest wait for an answer, reconnects included. */
  readonly answerTimeoutMs: number
}

interface Call {
  readonly operation: Operation
  settle(answer: Answer): void
  fail(error: LovageError): void
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
  readonly #dues: DueHeap
  #line: Line | undefined
  readonly #calls = new Set<Call>()
  /** Not said yet, oldest first. */
  readonly #unsaid = new Set<Call>()
  readonly #watches = new Map<string, Watch>()
  #onIdle: (() => void) | undefined

  constructor(options: TablesClientOptions) {
    this.#options = options
    this.#dues = new DueHeap(options.clock)
    this.#client = new EngineClient(options)
    this.#client.join({
      onUp: (line) => this.#onUp(line),
      onDown: () => (this.#line = undefined),
      onSay: (kind, frame) => this.#onSay(kind, frame),
      onStopping: () => this.#untilIdle(options.clock),
    })
  }

  /** @throws LovageError as `EngineClient.start` does */
  start(): Promise<void> {
    return this.#client.start()
  }

  async stop(): Promise<void> {
    await this.#client.stop()
    if (this.#client.state !== 'stopped') return
    for (const call of this.#calls) call.fail(this.#unreachable('it was stopped before it had answered'))
    this.#watches.clear()
  }

  /**
   * Takes one step. Steps are said in the order in which they are asked for. One whose answer was lost with the
   * connection is only asked again when that can change nothing.
   * @throws LovageError `BROKER_CLOSED`, `BROKER_UNREACHABLE`, and as `Tables.apply` does
   */
  async apply<Name extends OperationName>(operation: Operation<Name>): Promise<Answer<Name>> {
    this.#client.assertOpen()
    if (this.#calls.size >= MOST_CALLS) throw this.#unreachable(`${MOST_CALLS} calls wait for it already`)
    const { answerTimeoutMs } = this.#options
    return new Promise((resolve, reject) => {
      const due = this.#dues.add(answerTimeoutMs, () => {
        call.fail(this.#line ? this.#unreachable(`no answer within ${answerTimeoutMs} ms`) : this.#client.unreachable())
      })
      const over = (): void => {
        due.cancel()
        this.#unsaid.delete(call)
        if (this.#calls.delete(call) && this.#calls.size === 0) this.#onIdle?.()
      }
      const call: Call = {
        operation: operation as Operation,
        settle: (answer) => {
          over()
          resolve(answer as Answer<Name>)
        },
        fail: (error) => {
          over()
          reject(error)
        },
      }
      this.#calls.add(call)
      if (this.#line) this.#say(this.#line, call)
      else this.#unsaid.add(call)
    })
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
    for (const call of this.#unsaid) this.#say(line, call)
    // While nobody listened they may have moved.
    for (const { watchers } of watches) for (const watcher of watchers) watcher()
  }

  #onSay(kind: number, frame: ByteReader): boolean {
    if (kind !== SAY.moved) return false
    const name = `${frame.text()} ${frame.text()}`
    for (const watcher of this.#watches.get(name)?.watchers ?? []) watcher()
    return true
  }

  #say(line: Line, call: Call): void {
    this.#unsaid.delete(call)
    const { operation } = call
    try {
      line.ask(
        ASK.operate,
        {
          done: (value) => call.settle(value as unknown as Answer),
          failed: (error) => call.fail(error),
          lost: () => {
            if (!this.#calls.has(call)) return
            if (isHarmless(operation)) this.#unsaid.add(call)
            else call.fail(this.#unreachable('the connection was lost before it had answered'))
          },
        },
        (writer) => writeTable(writer, operation as unknown as Headers),
      )
    } catch (error) {
      call.fail(this.#unreachable(messageOf(error)))
    }
  }

  async #untilIdle(clock: Clock): Promise<void> {
    if (this.#calls.size === 0) return
    await new Promise<void>((resolve) => {
      const timer = clock.after(this.#options.answerTimeoutMs, resolve)
      this.#onIdle = () => {
        timer.cancel()
        resolve()
      }
    })
    this.#onIdle = undefined
  }

  #unreachable(problem: string): LovageError {
    return new LovageError('BROKER_UNREACHABLE', { url: this.#options.url, problem })
  }
}

function writeWatch(writer: ByteWriter, { what, key }: Watch): void {
  writer.text(what)
  writer.text(key)
}

/** Done twice, it comes to the same, and so does its answer. */
function isHarmless(operation: Operation): boolean {
  if (operation.op === 'count') return operation.by === 0
  return ['get', 'read', 'trim', 'list', 'lease', 'renew'].includes(operation.op)
}
