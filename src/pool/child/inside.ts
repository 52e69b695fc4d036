import { type App } from '../../app/app.ts'
import { enterChild } from '../../app/child-place.ts'
import { loadModules } from '../../app/load-module.ts'
import type { ChildEvent } from '../../app/hooks.ts'
import { currentTaskIfAny } from '../../app/current-task.ts'
import type { Clock } from '../../base/clock.ts'
import { DueHeap } from '../../base/due-heap.ts'
import { isLovageError, LovageError, messageOf } from '../../base/errors.ts'
import { onLog } from '../../base/log.ts'
import { tracebackOf } from '../../protocol/failure.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { JobControl } from '../job-control.ts'
import { perform, type PerformOptions } from '../perform.ts'
import type { ChildFault } from '../child-death.ts'
import { weigh } from './child-memory.ts'
import type { Beginning, Order, Report } from './messages.ts'
import type { WatchedLoop } from '../watched-loop.ts'
import { type Packed, packOutcome, unpackJob, unpackOutcome } from './packing.ts'
import { reviveReason } from './reasons.ts'

/** Least time between two looks at the memory. */
const WEIGH_MS = 100

/** Between two looks at the memory while tasks run. */
const WEIGH_OFTEN_MS = 500

/** Longest time for hooks to run, and for connections to close. */
const CLOSE_MS = 10_000

/** Longest time for the last words to leave. */
const LAST_WORDS_MS = 1_000

/** How a child reaches its pool. */
export interface Outside {
  readonly clock: Clock
  /** On its way at once; `sent` is called when it has left. */
  post(reports: readonly Report[], sent?: () => void): void
  /** Ends this thread or process. */
  exit(code: number): void
  /** What has others see whether the event loop turns, not started. */
  loop(stallMs: number): WatchedLoop
}

/** The life of a child, seen from inside: loads the tasks, runs jobs, tells of them. */
export class Inside {
  readonly #outside: Outside
  readonly #controls = new Map<number, JobControl>()
  #told: Report[] = []
  #isPlanned = false
  #app: App | undefined
  #options: PerformOptions | undefined
  #kind: Beginning['kind'] = 'processes'
  #event: ChildEvent | undefined
  #weighedMs = -Infinity
  #isWeighing = false
  #loop: WatchedLoop | undefined
  #isOften = false
  #isEnding = false
  #isFaulty = false

  constructor(outside: Outside) {
    this.#outside = outside
    process.on('exit', (code) => this.#left(code))
    process.on('uncaughtException', (error, origin) => this.#fault(error, origin as ChildFault['origin']))
  }

  take(orders: readonly Order[]): void {
    for (const order of orders) {
      if (!('kind' in order)) this.#run(order)
      else if (order.kind === 'begin') void this.#begin(order.beginning)
      else if (order.kind === 'end') void this.end()
      else {
        const control = this.#controls.get(order.n)
        control?.abort(reviveReason(order.name, order.message))
        if (order.kind === 'give-up') control?.giveUp(unpackOutcome(order.outcome))
      }
    }
  }

  /** Closes what is open, then goes. */
  async end(): Promise<void> {
    if (this.#isEnding) return
    this.#isEnding = true
    const { clock, exit } = this.#outside
    clock.after(CLOSE_MS, () => exit(0))
    try {
      if (this.#event) await this.#app?.hooks.run('childExit', this.#event)
      await this.#app?.close()
    } catch (error) {
      this.#tell({
        kind: 'log',
        record: {
          level: 'warn',
          room: 'pool',
          message: 'child did not close well',
          fields: { error: messageOf(error) },
        },
      })
    }
    this.#post(() => exit(0))
  }

  async #begin(beginning: Beginning): Promise<void> {
    const { clock } = this.#outside
    const { kind, accept, types, maxBodyBytes } = beginning
    this.#kind = kind
    const loop = (this.#loop = beginning.stallMs === undefined ? undefined : this.#outside.loop(beginning.stallMs))
    if (beginning.isLogged)
      onLog((record) => this.#tell({ kind: 'log', record: { ...record, fields: plain(record.fields) } }))
    try {
      this.#app = await loadApp(beginning)
    } catch (error) {
      const { code, details } = isLovageError(error)
        ? error
        : new LovageError('CHILD_UNFIT', { problem: messageOf(error), fix: 'See the log' })
      this.#tell({ kind: 'unfit', code, details: plain(details) })
      return
    }
    const { hooks, resources } = this.#app
    await resources.enter()
    this.#event = { pool: kind, hostname: beginning.hostname }
    await hooks.run('childInit', this.#event)
    const limits = maxBodyBytes === undefined ? {} : { maxBodyBytes }
    this.#options = { clock, dues: new DueHeap(clock), accept, types, ...limits, hooks }
    // Not before: loading takes long, and blocks nobody.
    loop?.start()
    this.#tell({ kind: 'ready' })
    this.#weigh()
  }

  #run(order: Packed): void {
    const { n, isTold, job } = unpackJob(order)
    const options = this.#options as PerformOptions
    const started = (): void => {
      this.#tell(n)
      // A function that never waits would keep it from being told.
      if (isTold) this.#post()
    }
    const update = (outcome: Outcome): void =>
      this.#tell({ kind: 'update', n, outcome: packOutcome(n, outcome, options.types) })
    const marks = this.#loop?.marks
    const control = new JobControl(job, {
      ended: () => void this.#controls.delete(n),
      abandoned: (change) => this.#tell({ kind: 'abandoned', change }),
      returned: (mark) => marks?.leave(mark),
    })
    this.#controls.set(n, control)
    this.#weighOften()
    control.mark = marks?.enter(job.request.task, job.request.id) ?? -1
    void perform((this.#app as App).registry, job, { started, update }, options, control).then((outcome) => {
      this.#tell(packOutcome(n, outcome, options.types))
      this.#weigh()
    })
    marks?.called()
  }

  /** So that one that dies in the midst of a task is known by more than what it was before. */
  #weighOften(): void {
    if (this.#isOften) return
    this.#isOften = true
    const again = (): void => {
      this.#isOften = false
      if (this.#controls.size === 0) return
      this.#weigh()
      this.#weighOften()
    }
    this.#outside.clock.after(WEIGH_OFTEN_MS, again, { unref: true })
  }

  /** Now and then, and always once after the last task. */
  #weigh(): void {
    const { clock } = this.#outside
    if (this.#isWeighing) return
    const leftMs = this.#weighedMs + WEIGH_MS - clock.monotonic()
    if (leftMs > 0) {
      this.#isWeighing = true
      const again = (): void => {
        this.#isWeighing = false
        this.#weigh()
      }
      return void clock.after(leftMs, again, { unref: true })
    }
    this.#weighedMs = clock.monotonic()
    this.#tell({ kind: 'memory', memory: weigh(this.#kind, clock), lag: this.#loop?.lag })
  }

  /** Somebody has called `process.exit`, who is on the stack now. */
  #left(code: number): void {
    if (this.#isEnding || this.#isFaulty) return
    const current = currentTaskIfAny()
    const by = current ? ` by ${current.name}[${current.id}]` : ''
    const { stack = '' } = new Error('process.exit')
    this.#told.push({
      kind: 'fault',
      fault: { origin: 'exit', message: `process.exit(${code}) was called${by}`, stack },
    })
    this.#post()
  }

  /** Nobody caught it: what this code holds may be broken now, so that nothing runs here any more. */
  #fault(error: unknown, origin: ChildFault['origin']): void {
    this.#isFaulty = true
    const name = error instanceof Error ? `${error.name}: ` : ''
    const fault: ChildFault = { origin, message: `${name}${messageOf(error)}`, stack: tracebackOf(error) }
    this.#told.push({ kind: 'fault', fault })
    const { clock, exit } = this.#outside
    clock.after(LAST_WORDS_MS, () => exit(1))
    this.#post(() => exit(1))
  }

  #tell(report: Report): void {
    this.#told.push(report)
    if (this.#isPlanned) return
    this.#isPlanned = true
    this.#outside.clock.turn(() => this.#post())
  }

  #post(sent?: () => void): void {
    this.#isPlanned = false
    if (this.#told.length === 0) return sent?.()
    const told = this.#told
    this.#told = []
    this.#outside.post(told, sent)
  }
}

async function loadApp({ kind, modules, app: name, tasks }: Beginning): Promise<App> {
  const place = enterChild(kind)
  // From sources (our own tests) this process reads TypeScript by itself, and a second reader would make second copies.
  if (import.meta.url.endsWith('.ts')) for (const file of modules) await import(file)
  else await loadModules(modules)
  const apps = place.apps as App[]
  const app = apps.find((one) => one.name === name && tasks.every((task) => one.registry.get(task)))
  if (app) return app
  const named = apps.find((one) => one.name === name)
  const fix = 'Name all modules that define tasks (tasks in lovage.config.ts, or module of the worker)'
  const list = modules.join(', ')
  if (!named) throw new LovageError('CHILD_UNFIT', { problem: `${list} makes no app ${name}`, fix })
  const missing = tasks.filter((task) => !named.registry.get(task)).join(', ')
  throw new LovageError('CHILD_UNFIT', { problem: `after ${list} there is no task ${missing}`, fix })
}

/** What can cross. */
function plain(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  try {
    return structuredClone(fields)
  } catch {
    return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)]))
  }
}
