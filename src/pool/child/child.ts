import type { Clock, Timer } from '../../base/clock.ts'
import { type LagFigures, lagFigures } from '../../base/lag.ts'
import type { ChildDeath, ChildFault, ChildMemory } from '../child-death.ts'
import { type Stall, stallIn } from '../stall.ts'
import type { Carrier, CarrierEvents, ChildExit } from './carrier.ts'
import type { Beginning, Order, Report } from './messages.ts'
import type { Posted } from './posted.ts'

/** Figures and lines that are kept of each child, for the day it dies. */
const MEMORY_KEPT = 32
const LINES_KEPT = 40

/** What a child tells its pool. */
export interface ChildEvents {
  readonly onReady: (child: Child) => void
  readonly onReport: (child: Child, report: Report) => void
  readonly onLine: (child: Child, stream: 'stdout' | 'stderr', line: string) => void
  readonly onStall: (child: Child, stall: Stall) => void
  readonly onGone: (child: Child, exit: ChildExit) => void
}

/** How a child is made. */
export interface ChildOptions {
  readonly clock: Clock
  readonly start: (events: CarrierEvents) => Carrier
  readonly beginning: Beginning
  readonly events: ChildEvents
  /** It is for one job alone. */
  readonly isQuarantine: boolean
}

/** A thread or process of the pool, seen from the pool. */
export class Child {
  readonly number: number
  readonly isQuarantine: boolean
  /** What runs in it, by number. */
  readonly running = new Map<number, Posted>()
  /** Jobs it has been given so far. */
  taken = 0
  /** Functions in it that were given up and have not returned. */
  abandoned = 0
  isReady = false
  /** It takes no more jobs, for this reason. */
  leaving: string | undefined
  isGone = false
  /** Ended by us: because of a job in it, or because it did not go when it was told to. */
  killedFor: 'job' | 'end' | undefined
  /** It was told to go. */
  isTold = false
  /** Is called when it has not gone in time. */
  patience: Timer | undefined
  fault: ChildFault | undefined
  readonly memory: ChildMemory[] = []
  #lag: LagFigures | undefined
  readonly #lines: string[] = []
  readonly #clock: Clock
  readonly #carrier: Carrier
  readonly #events: ChildEvents
  #orders: Order[] = []
  #isLookedInto = false
  #isPlanned = false

  constructor({ clock, start, beginning, events, isQuarantine }: ChildOptions) {
    this.#clock = clock
    this.#events = events
    this.number = beginning.number
    this.isQuarantine = isQuarantine
    this.#carrier = start({
      onReports: (reports) => this.#take(reports),
      onLine: (stream, line) => {
        const stall = stream === 'stderr' ? stallIn(line) : undefined
        if (stall) return events.onStall(this, stall)
        if (stream === 'stderr') this.#lines.push(line)
        if (this.#lines.length > LINES_KEPT) this.#lines.shift()
        events.onLine(this, stream, line)
      },
      onExit: (exit) => {
        this.isGone = true
        this.patience?.cancel()
        events.onGone(this, exit)
      },
    })
    this.#carrier.send([{ kind: 'begin', beginning }])
  }

  /** Of the process, or of the thread. */
  get id(): number {
    return this.#carrier.id
  }

  /** How late its event loop was in the last minute, as far as it has told. */
  get lag(): LagFigures | undefined {
    const { buffer } = this.#carrier
    return buffer ? lagFigures(buffer) : this.#lag
  }

  /** @see Carrier.buffer */
  get buffer(): SharedArrayBuffer | undefined {
    return this.#carrier.buffer
  }

  /** Sent at the end of this turn, with what else there is by then. */
  order(order: Order): void {
    this.#orders.push(order)
    if (this.#isPlanned) return
    this.#isPlanned = true
    this.#clock.turn(() => {
      this.#isPlanned = false
      const orders = this.#orders
      this.#orders = []
      if (!this.isGone) this.#carrier.send(orders)
    })
  }

  kill(why: 'job' | 'end'): void {
    if (this.isGone) return
    this.killedFor ??= why
    if (!this.#isLookedInto) this.#carrier.kill()
  }

  /**
   * Its inspector is at work, until the returned function is called. It is not ended meanwhile: a thread would swallow
   * that and go on, or take all of this process along (V8 checks that nobody ends `Atomics.wait` just then).
   */
  lookInto(): () => void {
    this.#isLookedInto = true
    return () => {
      this.#isLookedInto = false
      if (this.killedFor && !this.isGone) this.#carrier.kill()
    }
  }

  /** What is known of its death. */
  death(kind: 'threads' | 'processes', { exitCode, signal }: ChildExit): ChildDeath {
    const nowMs = this.#clock.monotonic()
    return {
      kind,
      number: this.number,
      id: this.id,
      exitCode,
      signal,
      cause: this.killedFor === 'job' ? 'ended' : 'lost',
      fault: this.fault,
      memory: [...this.memory],
      stderrTail: this.#lines.join('\n'),
      atMs: this.#clock.now(),
      isQuarantine: this.isQuarantine,
      suspects: [...this.running.values()].map((posted) => posted.suspect(nowMs)),
    }
  }

  #take(reports: readonly Report[]): void {
    for (const report of reports) {
      if (typeof report === 'number' || !('kind' in report)) {
        this.#events.onReport(this, report)
        continue
      }
      if (report.kind === 'ready') {
        this.isReady = true
        this.#events.onReady(this)
        continue
      }
      if (report.kind === 'fault') this.fault ??= report.fault
      else if (report.kind === 'memory') {
        this.#weighed(report.memory)
        this.#lag = report.lag
      } else if (report.kind === 'abandoned') this.abandoned += report.change
      this.#events.onReport(this, report)
    }
  }

  #weighed(memory: ChildMemory): void {
    this.memory.push(memory)
    if (this.memory.length > MEMORY_KEPT) this.memory.shift()
  }
}
