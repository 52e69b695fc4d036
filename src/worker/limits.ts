import type { RegisteredTask } from '../app/registry.ts'
import type { Clock, Timer } from '../base/clock.ts'
import { Ring } from '../base/ring.ts'
import { Bucket } from './bucket.ts'
import type { Gate, Verdict } from './gate.ts'
import type { Rates } from './rates.ts'
import type { Waiting, Work } from './work.ts'

/** What limiting needs. */
export interface LimitsOptions {
  readonly clock: Clock
  readonly rates: Rates
  /** Puts a task in line for a slot again. */
  readonly enter: (work: Work) => void
  /** There are more who wait, or fewer. */
  readonly onChange: () => void
}

/** Who waits for the rate limit of one task, in order. */
interface Line {
  readonly task: RegisteredTask
  readonly bucket: Bucket
  readonly behind: Ring<Work>
  /** The next to start. */
  head: Work | undefined
  /** It has been called up, and waits for a slot, if it waits. */
  isCalled: boolean
  timer: Timer | undefined
  isCalling: boolean
}

/** Rate limits, by type of task. Who waits here has no slot, and keeps none from others. */
export class Limits implements Gate, Waiting {
  readonly isDoor = false
  readonly #options: LimitsOptions
  /** By name of task; there are no more of them than of registered tasks. */
  readonly #lines = new Map<string, Line>()
  #waiting = 0

  constructor(options: LimitsOptions) {
    this.#options = options
  }

  get waiting(): number {
    return this.#waiting
  }

  ask(work: Work): Verdict {
    if (work.isPaced) return 'pass'
    const line = this.#lineOf(work)
    if (!line) return 'pass'
    const isHead = line.head === work
    const isFirst = isHead || line.head === undefined
    if (!isFirst || !line.bucket.take(this.#options.clock.monotonic())) {
      this.#keep(work, line, isHead)
      return 'wait'
    }
    work.isPaced = true
    if (isHead) this.#advance(line)
    return 'pass'
  }

  withdraw(work: Work): void {
    work.waitsIn = undefined
    this.#waiting--
    this.left(work)
    this.#options.onChange()
  }

  left(work: Work): void {
    if (this.#lines.size === 0) return
    const line = this.#lines.get(work.request.task)
    if (line?.head === work) this.#advance(line)
  }

  release(): Work[] {
    const works: Work[] = []
    for (const line of this.#lines.values()) {
      line.timer?.cancel()
      const { head } = line
      for (let work = head; work; work = line.behind.shift()) if (work.waitsIn === this) works.push(work)
      line.head = undefined
    }
    for (const work of works) work.waitsIn = undefined
    this.#lines.clear()
    this.#waiting = 0
    return works
  }

  /** The rate of a task has changed. */
  changed(name: string): void {
    const line = this.#lines.get(name)
    if (!line) return
    line.bucket.change(this.#rateOf(line.task), this.#options.clock.monotonic())
    this.#plan(line)
  }

  #lineOf({ task }: Work): Line | undefined {
    if (!task) return undefined
    const line = this.#lines.size > 0 ? this.#lines.get(task.name) : undefined
    if (line) return line
    const perSecond = this.#rateOf(task)
    if (perSecond === Infinity) return undefined
    const bucket = new Bucket(perSecond)
    const made: Line = {
      ...{ task, bucket, behind: new Ring<Work>() },
      ...{ head: undefined, isCalled: false, timer: undefined, isCalling: false },
    }
    this.#lines.set(task.name, made)
    return made
  }

  #rateOf(task: RegisteredTask): number {
    return this.#options.rates.of(task) ?? Infinity
  }

  #keep(work: Work, line: Line, isHead: boolean): void {
    work.waitsIn = this
    this.#waiting++
    if (isHead) line.isCalled = false
    else if (line.head) line.behind.push(work)
    else line.head = work
    this.#plan(line)
    this.#options.onChange()
  }

  /** The first is gone. */
  #advance(line: Line): void {
    line.head = undefined
    line.isCalled = false
    for (let next = line.behind.shift(); next; next = line.behind.shift()) {
      // Else it was withdrawn.
      if (next.waitsIn !== this) continue
      line.head = next
      break
    }
    this.#plan(line)
  }

  /** Calls up the first when there is a token; never at once, because who has just been let in does not count as running. */
  #plan(line: Line): void {
    if (line.isCalling) return
    line.timer?.cancel()
    line.timer = undefined
    if (!line.head || line.isCalled) return
    const { clock } = this.#options
    const waitMs = line.bucket.waitMs(clock.monotonic())
    line.timer =
      waitMs > 0 ? clock.after(Math.ceil(waitMs), () => this.#call(line)) : soon(clock, () => this.#call(line))
  }

  #call(line: Line): void {
    const { clock, enter, onChange } = this.#options
    line.timer = undefined
    line.isCalling = true
    while (line.head && !line.isCalled && line.bucket.waitMs(clock.monotonic()) === 0) {
      const { head } = line
      line.isCalled = true
      head.waitsIn = undefined
      this.#waiting--
      enter(head)
    }
    line.isCalling = false
    this.#plan(line)
    onChange()
  }
}

function soon(clock: Clock, fn: () => void): Timer {
  let isWanted = true
  clock.turn(() => isWanted && fn())
  return { cancel: () => (isWanted = false) }
}
