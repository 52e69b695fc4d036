import type { SimulatedProcess } from './process.ts'

type Listener = (value?: unknown) => void

/**
 * One end of a connection between two simulated processes of one machine, as far as the embedded broker uses Node's sockets.
 * What is written arrives in order, each time a little later; what a dead process has written arrives as well.
 */
export class SimulatedSocket {
  readonly writableLength = 0
  destroyed = false
  readonly #process: SimulatedProcess
  readonly #listeners = new Map<string, Set<Listener>>()
  #other: SimulatedSocket | undefined
  /** Written before there was another end. */
  readonly #early: ((other: SimulatedSocket) => void)[] = []
  #arrivesMs = 0
  #isEnded = false
  #isClosed = false

  constructor(process: SimulatedProcess) {
    this.#process = process
    process.onDeath(() => this.#hangUp())
  }

  /** Joins two ends. */
  static join(one: SimulatedSocket, other: SimulatedSocket): void {
    one.#other = other
    other.#other = one
    for (const end of [one, other]) for (const fn of end.#early.splice(0)) end.#later(fn)
  }

  on(event: string, listener: Listener): this {
    let listeners = this.#listeners.get(event)
    if (!listeners) this.#listeners.set(event, (listeners = new Set()))
    listeners.add(listener)
    return this
  }

  once(event: string, listener: Listener): this {
    return this.on(event, listener)
  }

  write(bytes: Uint8Array): boolean {
    if (this.destroyed || this.#isEnded) return false
    const copy = Buffer.from(bytes)
    this.#later((other) => other.#tell('data', copy))
    return true
  }

  end(bytes?: Uint8Array): void {
    if (bytes && bytes.length > 0) this.write(bytes)
    if (this.#isEnded) return
    this.#isEnded = true
    this.#hangUp()
    this.#process.at(this.#arrivesMs, () => this.#close())
  }

  destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.#hangUp()
    this.#process.at(this.#process.clock.monotonic(), () => this.#close())
  }

  /** Nobody listens, or the connection is lost. */
  fail(code: string): void {
    this.#tell('error', Object.assign(new Error(`connect ${code}`), { code }))
    this.destroyed = true
    this.#close()
  }

  #hangUp(): void {
    this.#later((other) => {
      if (other.#isClosed) return
      other.destroyed = true
      other.#close()
    })
  }

  /** At the other end, behind all that came before. */
  #later(fn: (other: SimulatedSocket) => void): void {
    const other = this.#other
    if (!other) return void this.#early.push(fn)
    this.#arrivesMs = Math.max(this.#arrivesMs, other.#process.arrivalMs())
    other.#process.at(this.#arrivesMs, () => fn(other))
  }

  #close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.destroyed = true
    this.#tell('close')
  }

  #tell(event: string, value?: unknown): void {
    if (event === 'data' && (this.#isClosed || this.destroyed)) return
    for (const listener of this.#listeners.get(event) ?? []) listener(value)
  }
}
