import { LovageError } from '../../../base/errors.ts'
import type { HeaderValue } from '../../../protocol/headers.ts'
import type { Operation, Watchable } from '../tables/operation.ts'
import type { ByteReader } from '../wire/byte-reader.ts'
import type { ByteWriter } from '../wire/byte-writer.ts'
import { ASK, SAY, writeFrame } from '../wire/frames.ts'
import { readTable } from '../wire/value-codec.ts'
import { checkOperation } from './check-operation.ts'
import type { EngineServer } from './engine-server.ts'

/** What an operation costs in the journal beside its value, at most. */
const BESIDE_BYTES = 2048

/** What one client of the engine has to do with its tables. */
export class ServedTables {
  readonly #server: EngineServer
  readonly #willWrite: () => void
  readonly #watches = new Map<string, () => void>()
  /** What has moved since the client was last told. */
  readonly #moved = new Map<string, readonly [Watchable, string]>()

  constructor(server: EngineServer, willWrite: () => void) {
    this.#server = server
    this.#willWrite = willWrite
  }

  /**
   * @throws LovageError as `Tables.apply` does
   * @throws RangeError for what is no question at all
   */
  ask(kind: number, frame: ByteReader, answer: (value: HeaderValue) => void): void {
    if (kind === ASK.operate) return this.#operate(frame, answer)
    if (kind !== ASK.watchTable) throw new RangeError(`there is no question ${kind}`)
    this.#watch(frame.text() as Watchable, frame.text())
    answer(null)
  }

  unwatch(frame: ByteReader): void {
    const name = `${frame.text()} ${frame.text()}`
    this.#watches.get(name)?.()
    this.#watches.delete(name)
    this.#moved.delete(name)
  }

  /** Tells what has moved, once for all that came together. */
  write(writer: ByteWriter): void {
    for (const [what, key] of this.#moved.values()) {
      writeFrame(writer, SAY.moved, () => {
        writer.text(what)
        writer.text(key)
      })
    }
    this.#moved.clear()
  }

  end(): void {
    for (const unwatch of this.#watches.values()) unwatch()
    this.#watches.clear()
    this.#moved.clear()
  }

  /**
   * Takes a step; `answer` is called when what it did, and what it saw, outlives a loss of power.
   * @throws LovageError as `Tables.apply` does, and `STORE_FULL` for want of room on the disk
   */
  #operate(frame: ByteReader, answer: (value: HeaderValue) => void): void {
    const operation = checkOperation(readTable(frame))
    const value = 'value' in operation ? operation.value : undefined
    // Of its own: a view would keep the whole chunk in memory for as long as the value is kept.
    const owned = value instanceof Uint8Array ? { ...operation, value: new Uint8Array(value) } : operation
    const bytes = BESIDE_BYTES + (typeof value === 'string' ? value.length * 3 : (value?.byteLength ?? 0))
    if (makesLarger(operation) && !this.#server.hasRoom(bytes)) {
      throw new LovageError('STORE_FULL', { problem: 'the disk of the embedded broker is full' })
    }
    const answered = this.#server.tables.apply(owned as Operation) as unknown as HeaderValue
    this.#server.whenWritten(() => answer(answered))
  }

  #watch(what: Watchable, key: string): void {
    const name = `${what} ${key}`
    if (this.#watches.has(name)) return
    const told = (): void => {
      this.#moved.set(name, [what, key])
      this.#willWrite()
    }
    this.#watches.set(name, this.#server.tables.watch(what, key, told))
  }
}

function makesLarger(operation: Operation): boolean {
  if (operation.op === 'put') return operation.value !== undefined
  if (operation.op === 'count') return operation.by !== 0
  return ['set', 'append', 'lease'].includes(operation.op)
}
