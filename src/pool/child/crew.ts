import type { Clock } from '../../base/clock.ts'
import { type ErrorCode, LovageError } from '../../base/errors.ts'
import { isLogged, log } from '../../base/log.ts'
import { describeDeath } from '../child-death.ts'
import type { ChildExit } from './carrier.ts'
import { Child, type ChildEvents } from './child.ts'
import { tellStall } from './child-stalls.ts'
import { showLine } from './child-output.ts'
import type { CrewOptions } from './crew-options.ts'
import type { Report } from './messages.ts'
import { Restarts } from './restarts.ts'

/** Longest time to load the tasks. */
const START_MS = 60_000

/** Longest time from being told to go to being gone. */
const END_MS = 11_000

/** A child that is ended and not gone by then sits in native code. */
const STUCK_MS = 1_000

/** How long a function may go on after it was given up, before its child is ended. */
const LET_GO_MS = 200

/** The children of a pool: started when they are needed, replaced when they have served or died, ended with the pool. */
export class Crew {
  readonly #options: CrewOptions
  readonly #clock: Clock
  readonly #children = new Set<Child>()
  /** Ended, given up, and not gone. */
  readonly #stuck = new Set<Child>()
  readonly #events: ChildEvents
  readonly #serving = (): Child[] => [...this.#children].filter((child) => !child.isQuarantine && !child.leaving)
  /** Started by a reload that is not done: beyond the size until then. */
  readonly #fresh = new Set<Child>()
  readonly #waiters = new Set<(error?: Error) => void>()
  #size: number
  #count = 0
  readonly #restarts: Restarts
  #isStopping = false
  #wanted = 0

  constructor(options: CrewOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#size = options.size
    this.#restarts = new Restarts(options.clock, options.onRoom)
    this.#events = {
      onReady: (child) => this.#ready(child),
      onReport: (child, report) => this.#report(child, report),
      onLine: (child, stream, line) =>
        showLine({ number: child.number, id: child.id, kind: options.kind, stream, line }),
      onStall: (child, stall) => tellStall(options.kind, child, stall),
      onGone: (child, exit) => this.#gone(child, exit),
    }
  }

  get children(): ReadonlySet<Child> {
    return this.#children
  }

  /** Functions that were given up and have not returned, in children that are ended for it. */
  get abandoned(): number {
    let count = this.#stuck.size
    for (const child of this.#children) count += child.abandoned
    return count
  }

  /** Starts the first, and waits until it is ready: what is wrong with the tasks shows at once. */
  async begin(): Promise<void> {
    if (this.#children.size > 0) return
    await this.#untilReady(this.#spawn(false))
  }

  /** The child that the next job goes to: the one with the fewest. Undefined where none has room. */
  free(): Child | undefined {
    let best: Child | undefined
    for (const child of this.#children) {
      if (!this.#hasRoom(child)) continue
      if (!best || child.running.size < best.running.size) best = child
      if (best.running.size === 0) break
    }
    return best
  }

  /** Has as many children as so many jobs need. */
  want(jobs: number): void {
    this.#wanted = jobs
    if (this.#isStopping || this.#restarts.isPaused) return
    const wanted = Math.min(jobs, this.#size)
    let [serving, all] = [0, 0]
    for (const child of this.#children) {
      if (child.isQuarantine || child.leaving || this.#fresh.has(child)) continue
      all++
      if (!this.#isNearEnd(child)) serving++
    }
    // Near its end is also one that weighs so much from the start: those would have children started for ever.
    for (; serving < wanted && all < 2 * this.#size; serving++, all++) this.#spawn(false)
  }

  /** Starts a child for one job, which nothing else enters. False: not now, because none can be started, it seems. */
  quarantine(): boolean {
    if (this.#isStopping || this.#restarts.isPaused) return false
    this.#spawn(true)
    return true
  }

  resize(size: number): void {
    this.#size = size
    // Those of before and those to come are both there during a reload: which of them stay is not known yet.
    if (this.#fresh.size === 0) {
      const serving = this.#serving().sort((one, other) => other.running.size - one.running.size)
      for (const child of serving.slice(size)) this.retire(child, 'size')
    }
    this.want(this.#wanted)
  }

  /** As many new children, which load the code of now, take the place of all. Throws what keeps them from it; all stays then. */
  async reload(): Promise<void> {
    const old = this.#serving()
    const fresh = old.map(() => this.#spawn(false))
    for (const child of fresh) this.#fresh.add(child)
    let surplus = fresh
    try {
      for (const child of fresh) while (!child.isReady) await this.#untilReady(child)
      surplus = old
    } finally {
      for (const child of surplus) this.retire(child, 'reload')
      for (const child of fresh) this.#fresh.delete(child)
      this.resize(this.#size)
    }
  }

  /** It takes no more jobs, and goes when it has none. */
  retire(child: Child, why: 'size' | 'tasks' | 'memory' | 'abandoned' | 'quarantine' | 'reload'): void {
    if (child.leaving || child.isGone) return
    child.leaving = why
    if (why === 'tasks' || why === 'memory') {
      const memory = child.memory.at(-1)?.bytes
      log('info', 'pool', 'child recycled', { ...this.#named(child), because: why, tasks: child.taken, memory })
    }
    this.settled(child)
  }

  /** A job has left it. */
  settled(child: Child, patienceMs = END_MS): void {
    if (!child.leaving || child.running.size > 0 || child.isTold) return
    // A function that does not let go will not do so for being asked.
    if (child.abandoned > 0) return this.kill(child, 'end')
    child.isTold = true
    child.order({ kind: 'end' })
    child.patience?.cancel()
    child.patience = this.#clock.after(patienceMs, () => this.kill(child, 'end'), { unref: true })
  }

  kill(child: Child, why: 'job' | 'end'): void {
    if (child.isGone || this.#stuck.has(child)) return
    child.kill(why)
    child.patience?.cancel()
    child.patience = this.#clock.after(STUCK_MS, () => this.#giveUp(child))
  }

  /** Ends all; resolves when they are gone. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#restarts.stop()
    for (const wake of this.#waiters) wake(new LovageError('BROKER_CLOSED'))
    const all = [...this.#children]
    for (const child of all) {
      child.leaving ??= 'stop'
      const isBusy = child.running.size > 0
      child.running.clear()
      if (!child.isReady) this.kill(child, 'end')
      else this.settled(child, isBusy ? STUCK_MS : END_MS)
    }
    while (this.#children.size > 0) await new Promise<void>((resolve) => this.#waiters.add(() => resolve()))
  }

  #named({ number, id }: Child): { kind: string; child: number; id: number } {
    return { kind: this.#options.kind, child: number, id }
  }

  #hasRoom(child: Child): boolean {
    if (!child.isReady || child.isQuarantine || child.leaving || child.abandoned > 0) return false
    return child.running.size < this.#options.perChild
  }

  /** The one that takes its place is started before it goes. */
  #isNearEnd({ taken, memory }: Child): boolean {
    const { maxTasksPerChild: maxTasks = Infinity, maxMemoryPerChild: maxBytes = Infinity } = this.#options
    return (taken > 0 && taken >= maxTasks - Math.ceil(maxTasks / 10)) || (memory.at(-1)?.bytes ?? 0) > maxBytes * 0.9
  }

  #spawn(isQuarantine: boolean): Child {
    const { clock, start, beginning } = this.#options
    const whole = { ...beginning, number: ++this.#count, isLogged: isLogged() }
    const child = new Child({ clock, start, beginning: whole, events: this.#events, isQuarantine })
    this.#children.add(child)
    child.patience = clock.after(START_MS, () => {
      const message = `it took more than ${START_MS / 1000} s to load the tasks`
      child.fault ??= { origin: 'uncaughtException', message, stack: null }
      this.kill(child, 'end')
    })
    log('debug', 'pool', 'child starts', this.#named(child))
    return child
  }

  #ready(child: Child): void {
    // One that is told to go already has its time for that.
    if (!child.leaving) child.patience?.cancel()
    this.#restarts.succeeded()
    this.#wake()
    this.#options.onRoom()
    // What it was started for has come to its end meanwhile.
    if (child.isQuarantine && child.taken === 0) this.retire(child, 'quarantine')
  }

  #report(child: Child, report: Report): void {
    if (typeof report === 'number' || !('kind' in report)) this.#options.onReport(child, report)
    else if (report.kind === 'memory') this.#weighed(child, report.memory.bytes)
    else if (report.kind === 'unfit') this.#unfit(child, report.code as ErrorCode, report.details)
    else if (report.kind === 'log')
      log(report.record.level, report.record.room, report.record.message, {
        child: child.number,
        ...report.record.fields,
      })
    else if (report.kind === 'abandoned') this.#abandoned(child)
    else this.#options.onReport(child, report)
  }

  #weighed(child: Child, bytes: number): void {
    const { maxMemoryPerChild = Infinity } = this.#options
    if (bytes <= maxMemoryPerChild) return
    this.retire(child, 'memory')
    this.#options.onRoom()
  }

  #abandoned(child: Child): void {
    if (child.abandoned === 0) return this.#options.onRoom()
    this.#clock.after(
      LET_GO_MS,
      () => {
        if (child.abandoned > 0) this.retire(child, 'abandoned')
        this.#options.onRoom()
      },
      { unref: true },
    )
  }

  #unfit(child: Child, code: ErrorCode, details: Readonly<Record<string, unknown>>): void {
    const error = new LovageError(code, details)
    this.#failed(error)
    child.leaving = 'unfit'
    this.kill(child, 'end')
  }

  /** None can be started, it seems: not again at once. */
  #failed(error: LovageError): void {
    const isAwaited = this.#waiters.size > 0
    this.#wake(error)
    if (!this.#isStopping) this.#restarts.failed(error, isAwaited)
  }

  #gone(child: Child, exit: ChildExit): void {
    if (this.#stuck.delete(child)) {
      return log('info', 'pool', 'abandoned thread has ended after all', { child: child.number })
    }
    this.#remove(child, exit)
  }

  #giveUp(child: Child): void {
    this.#stuck.add(child)
    log('warn', 'pool', 'child does not end and is abandoned', this.#named(child))
    this.#remove(child, { exitCode: null, signal: null })
  }

  #remove(child: Child, exit: ChildExit): void {
    this.#children.delete(child)
    if (!child.leaving && !child.isReady) {
      const problem = describeDeath(child.death(this.#options.kind, exit))
      const fix = 'The lines that it wrote before are in the log'
      this.#failed(new LovageError('CHILD_UNFIT', { problem, fix }))
    }
    this.#options.onDeath(child, exit)
    if (this.#isStopping) this.#wake()
    else this.#options.onRoom()
  }

  #wake(error?: Error): void {
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const wake of waiters) wake(error)
  }

  #untilReady(child: Child): Promise<void> {
    if (child.isReady) return Promise.resolve()
    return new Promise((resolve, reject) => this.#waiters.add((error) => (error ? reject(error) : resolve())))
  }
}
