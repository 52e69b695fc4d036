import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { deadline, systemClock, type Clock } from '../base/clock.ts'
import type { Complaint } from './complaint.ts'
import type { ChildOptions, Order, Report } from './dev-report.ts'

/** Longest wait for the user's modules; a top-level `await` that never ends must not look like a slow start. */
const LOAD_MS = 60_000
/** Longest wait for broker and port. */
const START_MS = 60_000
/** Longest wait for requests and tasks that run when the process is to be replaced. */
const STOP_MS = 15_000

/** How a step of the child ended. */
export type StepEnd =
  | { readonly ok: true; readonly folders?: readonly string[] }
  | { readonly ok: false; readonly complaint: Complaint }

/** One life of the workload of `lovage dev`, in a process of its own, so that modules are fresh in the next. */
export class DevProcess {
  /** Resolves when the process has ended, with the messages that its memory held; undefined when it did not say. */
  readonly ended: Promise<number | undefined>

  readonly #child: ChildProcess
  readonly #clock: Clock
  #lost: number | undefined
  #complaint: Complaint | undefined
  #step: ((report: Report) => void) | undefined

  constructor(options: ChildOptions, clock: Clock = systemClock) {
    this.#clock = clock
    const file = fileURLToPath(new URL('./dev-child.js', import.meta.url))
    this.#child = fork(file, [JSON.stringify(options)], { stdio: 'inherit' })
    this.ended = new Promise((resolve) => {
      const end = (code: number | null, signal: string | null): void => {
        // What it said last may still be on its way to us.
        if (this.#child.connected) return void this.#child.once('disconnect', () => end(code, signal))
        this.#complaint ??= {
          what: `The process ended by itself: ${signal ? `signal ${signal}` : `exit code ${code}`}`,
        }
        this.#step?.({ kind: 'failed', complaint: this.#complaint })
        resolve(this.#lost)
      }
      this.#child.once('exit', end)
      this.#child.once('error', (error) => {
        this.#complaint = { what: `The process could not be started: ${error.message}` }
        end(null, null)
      })
    })
    this.#child.on('message', (report: Report) => {
      if (report.kind === 'stopped') this.#lost = report.lost
      if (report.kind === 'failed') this.#complaint = report.complaint
      this.#step?.(report)
    })
  }

  /** Why it ended, when it was not told to. */
  get complaint(): Complaint | undefined {
    return this.#complaint
  }

  /** Waits until the user's modules are loaded, or fail to. */
  loaded(): Promise<StepEnd> {
    return this.#until(
      'loaded',
      LOAD_MS,
      'The modules did not finish loading: is there an await at top level that never ends?',
    )
  }

  /** Starts what is loaded; resolves when it answers, or when it cannot. */
  go(banner: boolean): Promise<StepEnd> {
    const end = this.#until('ready', START_MS, 'The workload did not start')
    this.#send({ kind: 'go', banner })
    return end
  }

  /** Lets it end what runs; after 15 s it is killed. Resolves with the messages that were lost with its memory. */
  async stop(): Promise<number | undefined> {
    this.#send({ kind: 'stop' })
    const late = new Error('late')
    try {
      return await deadline(this.#clock, this.ended, STOP_MS, () => late)
    } catch (error) {
      if (error !== late) throw error
      return this.kill()
    }
  }

  /** Ends it at once. */
  kill(): Promise<number | undefined> {
    this.#child.kill('SIGKILL')
    return this.ended
  }

  #send(order: Order): void {
    // A child that has ended, or is about to, is told nothing: `ended` says so.
    if (this.#child.connected) this.#child.send(order, () => undefined)
  }

  #until(kind: 'loaded' | 'ready', ms: number, late: string): Promise<StepEnd> {
    const step = new Promise<StepEnd>((resolve) => {
      this.#step = (report) => {
        if (report.kind === 'failed') resolve({ ok: false, complaint: report.complaint })
        else if (report.kind === kind)
          resolve({ ok: true, folders: report.kind === 'loaded' ? report.folders : undefined })
      }
      if (this.#complaint) resolve({ ok: false, complaint: this.#complaint })
    })
    const timeout = new Error(late)
    return deadline(this.#clock, step, ms, () => timeout).catch(async (error: unknown) => {
      if (error !== timeout) throw error
      await this.kill()
      return { ok: false, complaint: { what: late } }
    })
  }
}
