import { COPY_HEADER } from '../app/canvas-sends.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { plainHeader } from '../protocol/headers.ts'
import type { Gate, Verdict } from './gate.ts'
import type { Waiting, Work } from './work.ts'

/** What telling copies apart needs. */
export interface CopiesOptions {
  /** Whether this copy of the task may run: it is the first that asked. */
  readonly claim: (id: string, copy: string) => Promise<boolean>
  /** Puts a task in line for a slot again. */
  readonly enter: (work: Work) => void
  /** There are more who wait, or fewer. */
  readonly onChange: () => void
}

/**
 * The body of a chord, sent again by who could not know that it had been sent, starts once: the first copy that comes to
 * its start is the one. The same copy may come again, when its worker has died. Asked of no other task.
 */
export class Copies implements Gate, Waiting {
  readonly isDoor = false
  readonly #options: CopiesOptions
  readonly #waiting = new Set<Work>()
  readonly #isFirst = new WeakMap<Work, boolean>()

  constructor(options: CopiesOptions) {
    this.#options = options
  }

  get waiting(): number {
    return this.#waiting.size
  }

  ask(work: Work): Verdict {
    const copy = plainHeader(work.request.custom[COPY_HEADER])
    if (typeof copy !== 'string') return 'pass'
    const { id, task } = work.request
    const isFirst = this.#isFirst.get(work)
    if (isFirst) return 'pass'
    if (isFirst === undefined) {
      this.#keep(work, copy)
      return 'wait'
    }
    log('info', 'worker', 'a second copy of the body of a chord is dropped', { id, task })
    return { id, state: 'IGNORED', result: { value: null }, traceback: null }
  }

  withdraw(work: Work): void {
    work.waitsIn = undefined
    this.#waiting.delete(work)
    this.#options.onChange()
  }

  release(): Work[] {
    const works = [...this.#waiting]
    for (const work of works) work.waitsIn = undefined
    this.#waiting.clear()
    return works
  }

  #keep(work: Work, copy: string): void {
    const { claim, enter, onChange } = this.#options
    work.waitsIn = this
    this.#waiting.add(work)
    onChange()
    const { id, task } = work.request
    const decided = (isFirst: boolean): void => {
      this.#isFirst.set(work, isFirst)
      if (!this.#waiting.delete(work)) return
      work.waitsIn = undefined
      enter(work)
      onChange()
    }
    claim(id, copy).then(decided, (error: unknown) => {
      // Rather twice than never.
      log('warn', 'worker', 'it cannot be told whether another copy has started', { id, task, error: messageOf(error) })
      decided(true)
    })
  }
}
