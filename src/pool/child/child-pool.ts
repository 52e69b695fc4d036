import { PassingMap } from '../../base/passing.ts'
import { TimeLimitExceeded, WorkerStopping } from '../../app/control-flow.ts'
import { DueHeap } from '../../base/due-heap.ts'
import { type LagFigures, worstLag } from '../../base/lag.ts'
import { log } from '../../base/log.ts'
import { Ring } from '../../base/ring.ts'
import { failed, type Outcome } from '../../protocol/outcome.ts'
import { timeLimitExceeded } from '../../protocol/failure.ts'
import { describeDeath } from '../child-death.ts'
import { fateOf } from '../fate.ts'
import { handedBack } from '../perform.ts'
import type { Job, JobReport, Pool, PoolOptions } from '../pool.ts'
import type { ChildExit } from './carrier.ts'
import type { Child } from './child.ts'
import { ThreadStalls } from './child-stalls.ts'
import { Crew } from './crew.ts'
import type { Report } from './messages.ts'
import { type Packed, packJob, packOutcome, unpackOutcome } from './packing.ts'
import { Posted } from './posted.ts'
import { startProcess } from './process-carrier.ts'
import { startThreadChild } from './thread-carrier.ts'

/** How long a child has to end a job by itself, before it is ended. */
const MARGIN_MS = 200

/** Most children in quarantine at a time. */
const MAX_QUARANTINES = 8

/** How a {@link ChildPool} is made. */
export interface ChildPoolOptions extends PoolOptions {
  readonly kind: 'threads' | 'processes'
}

/** Tasks in threads or processes. Only bytes cross: bodies go in unparsed, results come out encoded. */
export class ChildPool implements Pool {
  readonly kind: 'threads' | 'processes'
  readonly #options: ChildPoolOptions
  readonly #crew: Crew
  readonly #stalls: ThreadStalls
  readonly #dues: DueHeap
  readonly #posted = new PassingMap<Job, Posted>()
  /** Run before, to be run again first. */
  readonly #again = new Ring<Posted>()
  readonly #waiting = new Ring<Posted>()
  readonly #alone = new Ring<Posted>()
  readonly #perChild: number
  #size: number
  #count = 0
  /** Jobs that are to be alone, or are. */
  #isolated = 0
  #isPlanned = false

  constructor(options: ChildPoolOptions) {
    const { kind, app, hostname, modules = [], accept, types, maxBodyBytes, stallMs } = options
    const { clock, maxTasksPerChild, maxMemoryPerChild } = options
    this.kind = kind
    this.#options = options
    this.#perChild = options.perChild ?? 1
    this.#size = options.size
    this.#dues = new DueHeap(clock, { unref: true })
    this.#crew = new Crew({
      kind,
      clock,
      start: kind === 'threads' ? startThreadChild : startProcess,
      beginning: {
        ...{ kind, hostname, modules, app: app.name, tasks: app.registry.names() },
        ...{ accept, types, maxBodyBytes, stallMs },
      },
      perChild: this.#perChild,
      size: this.#children,
      maxTasksPerChild,
      maxMemoryPerChild,
      onRoom: () => this.#dispatch(),
      onReport: (child, report) => this.#report(child, report),
      onDeath: (child, exit) => this.#died(child, exit),
    })
    this.#stalls = new ThreadStalls({ clock, thresholdMs: stallMs ?? 0, children: () => this.#crew.children })
  }

  get size(): number {
    return this.#size
  }

  get running(): number {
    return this.#posted.size
  }

  get abandoned(): number {
    return this.#crew.abandoned
  }

  get lag(): LagFigures | undefined {
    return worstLag([...this.#crew.children].map((child) => child.lag))
  }

  /** @throws LovageError `CHILD_UNFIT`, `MODULE_FAILED` and what else loading the tasks throws */
  async start(): Promise<void> {
    if (this.kind === 'threads') await this.#stalls.start()
    await this.#crew.begin()
  }

  async stop(): Promise<void> {
    for (const posted of this.#posted.values()) {
      if (posted.child) this.#tellAbort(posted, posted.child, new WorkerStopping())
      this.#settle(posted, handedBack(posted.job.request))
    }
    this.#dues.clear()
    this.#stalls.stop()
    await this.#crew.stop()
  }

  get pids(): readonly number[] | undefined {
    return this.kind === 'processes' ? [...this.#crew.children].map(({ id }) => id) : undefined
  }

  pidOf(job: Job): number | undefined {
    return this.kind === 'processes' ? this.#posted.get(job)?.child?.id : undefined
  }

  run(job: Job, report: JobReport): Promise<Outcome> {
    const { request } = job
    const options = this.#options.app.registry.get(request.task)?.options
    const limitMs = request.timelimit[0] === null ? options?.timeLimitMs : request.timelimit[0] * 1000
    const isTold = limitMs !== undefined || options?.trackStarted === true
    return new Promise((resolve) => {
      const posted = new Posted(job, report, { limitMs, isTold, resolve })
      this.#posted.set(job, posted)
      this.#waiting.push(posted)
      this.#dispatch()
    })
  }

  abort(job: Job, reason: Error): boolean {
    const posted = this.#posted.get(job)
    if (!posted) return false
    posted.reason ??= reason
    if (posted.child) this.#tellAbort(posted, posted.child, reason)
    else if (reason instanceof WorkerStopping) this.#settle(posted, handedBack(job.request))
    return true
  }

  end(job: Job, outcome: Outcome, reason: Error): boolean {
    const posted = this.#posted.get(job)
    if (!posted || posted.decided) return false
    this.#decide(posted, outcome, reason)
    return true
  }

  reload(): Promise<void> {
    return this.#crew.reload()
  }

  resize(size: number): void {
    this.#size = size
    this.#crew.resize(this.#children)
  }

  get #children(): number {
    return Math.max(1, Math.ceil(this.#size / this.#perChild))
  }

  #dispatch(): void {
    for (let child = this.#crew.free(); child; child = this.#crew.free()) {
      const posted = nextOf(this.#again, this.#posted) ?? nextOf(this.#waiting, this.#posted)
      if (!posted) break
      this.#assign(posted, child)
    }
    this.#isolate()
    this.#crew.want(this.#posted.size - this.#isolated)
  }

  /** Gives those that must be alone children of their own. */
  #isolate(): void {
    if (this.#alone.size === 0) return
    let starting = 0
    let count = 0
    for (const child of this.#crew.children) {
      if (!child.isQuarantine) continue
      count++
      if (child.leaving || child.taken > 0) continue
      const posted = child.isReady ? nextOf(this.#alone, this.#posted) : undefined
      if (posted) this.#assign(posted, child)
      else starting++
    }
    for (; count < MAX_QUARANTINES && starting < this.#alone.size; count++, starting++) {
      if (!this.#crew.quarantine()) return
    }
  }

  #assign(posted: Posted, child: Child): void {
    const { job, deaths, isTold, reason } = posted
    posted.n = ++this.#count
    posted.child = child
    posted.hasStarted = false
    posted.sentAtMs = this.#options.clock.monotonic()
    child.running.set(posted.n, posted)
    child.taken++
    child.order(packJob(job, { n: posted.n, isTold, isAgain: deaths > 0 }))
    if (reason) this.#tellAbort(posted, child, reason)
    if (child.isQuarantine) this.#crew.retire(child, 'quarantine')
    else if (child.taken >= (this.#options.maxTasksPerChild ?? Infinity)) this.#crew.retire(child, 'tasks')
  }

  #tellAbort({ n }: Posted, child: Child, { name, message }: Error): void {
    child.order({ kind: 'abort', n, name, message })
  }

  #report(child: Child, report: Report): void {
    if (typeof report === 'number') return this.#started(child.running.get(report))
    if (!('kind' in report)) return this.#ended(child, report)
    if (report.kind === 'update') child.running.get(report.n)?.report.update(unpackOutcome(report.outcome))
  }

  #ended(child: Child, packed: Packed): void {
    const n = packed[0] as number
    const posted = child.running.get(n)
    if (!posted) return
    child.running.delete(n)
    posted.child = undefined
    this.#settle(posted, unpackOutcome(packed))
    this.#crew.settled(child)
    this.#plan()
  }

  #started(posted: Posted | undefined): void {
    if (!posted) return
    posted.hasStarted = true
    // Of one that is run again it was told before.
    if (posted.deaths === 0) posted.report.started()
    const { limitMs } = posted
    // Of one that is being ended the end of its child is armed already, and must be taken back when it has let go.
    if (limitMs === undefined || posted.decided) return
    posted.limit = this.#dues.add(limitMs + MARGIN_MS, () => {
      const { id, task } = posted.job.request
      log('warn', 'pool', 'task is ended at its time limit', { task, id, limitMs })
      this.#decide(posted, failed(id, timeLimitExceeded(limitMs / 1000)), new TimeLimitExceeded(limitMs))
    })
  }

  /** Ends a job with this outcome: by its child, or with it. */
  #decide(posted: Posted, outcome: Outcome, { name, message }: Error): void {
    posted.decided = outcome
    posted.limit?.cancel()
    const { child, n } = posted
    if (!child) return this.#settle(posted, outcome)
    child.order({ kind: 'give-up', n, outcome: packOutcome(n, outcome, this.#options.types), name, message })
    posted.limit = this.#dues.add(MARGIN_MS, () => this.#crew.kill(child, 'job'))
  }

  #died(child: Child, exit: ChildExit): void {
    const death = child.death(this.kind, exit)
    const wasExpected = child.leaving !== undefined && child.running.size === 0
    if (!wasExpected) {
      const { number, id, exitCode, signal, memory, stderrTail } = death
      const tasks = death.suspects.map(({ job }) => `${job.request.task}[${job.request.id}]`)
      const error = describeDeath(death)
      const bytes = memory.at(-1)?.bytes
      const fields = { kind: this.kind, child: number, id, error, exitCode, signal, memory: bytes, tasks, stderrTail }
      log(death.cause === 'ended' ? 'warn' : 'error', 'pool', 'child died', fields)
    }
    const suspects = [...child.running.values()]
    child.running.clear()
    suspects.forEach((posted, index) => {
      const suspect = death.suspects[index]
      const fate = suspect && fateOf(suspect, death)
      posted.child = undefined
      posted.limit?.cancel()
      posted.deaths++
      if (fate?.kind === 'over') return this.#settle(posted, fate.outcome)
      if (!fate?.alone) return this.#again.push(posted)
      if (!posted.isAlone) this.#isolated++
      posted.isAlone = true
      this.#alone.push(posted)
    })
  }

  #settle(posted: Posted, outcome: Outcome): void {
    if (!this.#posted.delete(posted.job)) return
    posted.limit?.cancel()
    if (posted.isAlone) this.#isolated--
    posted.resolve(outcome)
  }

  /** A look for all that changes in this turn. */
  #plan(): void {
    if (this.#isPlanned) return
    this.#isPlanned = true
    queueMicrotask(() => {
      this.#isPlanned = false
      this.#dispatch()
    })
  }
}

/** The first that has no outcome yet. */
function nextOf(ring: Ring<Posted>, all: Pick<ReadonlyMap<Job, Posted>, 'get'>): Posted | undefined {
  for (let posted = ring.shift(); posted; posted = ring.shift()) if (all.get(posted.job) === posted) return posted
  return undefined
}
