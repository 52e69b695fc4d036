import { type Clock, deadline } from '../base/clock.ts'
import { milliseconds, type Duration } from '../base/duration.ts'
import { LovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { shown } from './check.ts'

/** How a resource comes to be, and how it ends. */
export interface ResourceOptions<Value> {
  /** Called once in each process or thread, when the first task asks for the value. */
  readonly open: () => Value | Promise<Value>
  /** Called once when the process or thread ends, or its pool stops; resources that were opened last close first. */
  readonly close?: (value: Value) => unknown
  /** Open when the process or thread starts, before its first task. Default false: when it is first asked for. */
  readonly eager?: boolean
  /** Longest wait for `open` and for `close`. Default `'30s'`. */
  readonly timeout?: Duration
}

/** Something that many tasks share: a pool of database connections, a model, a browser. Made by `app.resource`. */
export interface Resource<Value> {
  readonly name: string
  /**
   * The value of this process or thread, opened when nobody has asked before; all who ask meanwhile wait for the same. After
   * a failure the next who asks tries again.
   * @throws LovageError `RESOURCE_FAILED`
   */
  get(): Promise<Value>
}

interface Defined {
  readonly open: () => unknown
  readonly close: ((value: never) => unknown) | undefined
  readonly isEager: boolean
  readonly timeoutMs: number
}

/** The resources of an application in this process or thread. */
export class Resources {
  readonly #clock: Clock
  readonly #defined = new Map<string, Defined>()
  /** Pools that run tasks here. */
  #users = 0
  /** In the order in which they were asked for. */
  readonly #opened = new Map<string, Promise<unknown>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @throws LovageError `OPTION_INVALID` */
  define<Value>(name: string, options: ResourceOptions<Value>): void {
    const invalid = (option: string, problem: string, fix: string): LovageError =>
      new LovageError('OPTION_INVALID', { option, where: `resource ${shown(name)}`, problem, fix })
    if (typeof name !== 'string' || name === '')
      throw invalid('name', 'must be a text', "Write app.resource('db', ...)")
    if (this.#defined.has(name)) throw invalid('name', 'is taken', 'Give one of the two another name')
    const { open, close, eager = false, timeout = 30_000 } = options
    if (typeof open !== 'function') throw invalid('open', 'must be a function', 'Write { open: () => connect() }')
    this.#defined.set(name, { open, close, isEager: eager, timeoutMs: milliseconds(timeout) })
  }

  /** @throws LovageError `RESOURCE_FAILED` */
  get(name: string): Promise<unknown> {
    const known = this.#opened.get(name)
    if (known) return known
    const opening = this.#open(name)
    this.#opened.set(name, opening)
    opening.catch(() => {
      if (this.#opened.get(name) === opening) this.#opened.delete(name)
    })
    return opening
  }

  /** Some are opened before the first task. */
  get opensAtOnce(): boolean {
    return [...this.#defined.values()].some(({ isEager }) => isEager)
  }

  /**
   * Somebody begins to run tasks here: opens what is to be open before the first. What cannot be opened is logged, and told
   * to each task that asks for it.
   */
  async enter(): Promise<void> {
    this.#users++
    const eager = [...this.#defined].filter(([, { isEager }]) => isEager)
    for (const [name] of eager) {
      await this.get(name).catch((error: unknown) => {
        log('error', 'app', 'resource could not be opened', { resource: name, error: messageOf(error) })
      })
    }
  }

  /** Who entered runs no more tasks; the last one closes what is open. */
  async leave(): Promise<void> {
    if (--this.#users <= 0) await this.close()
  }

  /** Closes what is open, the last first. Never rejects. Who asks later opens again. */
  async close(): Promise<void> {
    const opened = [...this.#opened].toReversed()
    this.#opened.clear()
    for (const [name, opening] of opened) {
      try {
        await this.#close(name, await opening)
      } catch (error) {
        log('warn', 'app', 'resource did not close well', { resource: name, error: messageOf(error) })
      }
    }
  }

  /** Has all that are defined here defined there too, each process to open its own. */
  copyTo(others: Resources): void {
    for (const [name, defined] of this.#defined) others.#defined.set(name, defined)
  }

  async #open(name: string): Promise<unknown> {
    const { open, timeoutMs } = this.#defined.get(name) as Defined
    try {
      const opening = Promise.resolve(open())
      const tooLate = (): Error => {
        // What comes after all is nobody's.
        opening.then((value) => this.#close(name, value)).catch(() => {})
        return new Error(`it took longer than ${timeoutMs} ms`)
      }
      return await deadline(this.#clock, opening, timeoutMs, tooLate)
    } catch (cause) {
      throw new LovageError('RESOURCE_FAILED', { resource: name, problem: messageOf(cause) }, { cause })
    }
  }

  async #close(name: string, value: unknown): Promise<void> {
    const { close, timeoutMs } = this.#defined.get(name) as Defined
    if (!close) return
    const closing = Promise.resolve(close(value as never))
    await deadline(this.#clock, closing, timeoutMs, () => new Error(`it took longer than ${timeoutMs} ms`))
  }
}
