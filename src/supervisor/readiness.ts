import { connect } from 'node:net'
import { sleep, type Clock } from '../base/clock.ts'
import type { ReadyConfig } from './configuration.ts'
import type { ProcessStatus } from './machine.ts'
import type { CommandEnd } from './run-command.ts'

export interface ReadinessOptions {
  /** null: it is ready when it is RUNNING. */
  readonly how: ReadyConfig | null
  readonly clock: Clock
  /** Its state as it is now. */
  readonly status: () => ProcessStatus
  /** Runs a command for the process. */
  readonly run: (command: string, timeoutMs: number, signal: AbortSignal) => Promise<CommandEnd>
  /** Called when it has become ready, or is not any more. */
  readonly changed: () => void
}

/** Between two looks. */
const PAUSE_MS = 200
const ANSWER_MS = 5_000
const COMMAND_MS = 30_000
/** Of a line that does not end, so much is looked at. */
const LONGEST_LINE = 64 * 1024

/** Whether one process is ready for work, from its start to its end. */
export class Readiness {
  readonly #options: ReadinessOptions
  /** Of the life in which it has been seen that it is ready. */
  #seenPid = 0
  /** Of the life that is looked at. */
  #watch: { pid: number; end: AbortController } | undefined
  #line = ''
  #wasReady = false

  constructor(options: ReadinessOptions) {
    this.#options = options
  }

  get isReady(): boolean {
    const { how } = this.#options
    const { state, spawnError, dueMs, pid } = this.#options.status()
    if (how?.kind === 'exit') return state === 'EXITED' && spawnError === '' && dueMs === undefined
    return state === 'RUNNING' && (how === null || this.#seenPid === pid)
  }

  /** Looks at its state; called after each event. */
  look(): void {
    const { state, pid } = this.#options.status()
    const lives = pid !== 0 && (state === 'STARTING' || state === 'RUNNING')
    if (this.#watch && (!lives || this.#watch.pid !== pid)) this.#unwatch()
    if (lives && !this.#watch) this.#begin(pid)
    this.#tell()
  }

  /** Takes what it writes. */
  heard(bytes: Buffer): void {
    const { how } = this.#options
    if (how?.kind !== 'log' || !this.#watch || this.#seenPid === this.#watch.pid) return
    const lines = (this.#line + bytes.toString()).split('\n')
    this.#line = (lines.at(-1) ?? '').slice(-LONGEST_LINE)
    const pattern = new RegExp(how.pattern, 'u')
    // The last may go on; what it has so far may do.
    if (lines.some((line) => pattern.test(line))) this.#see(this.#watch.pid)
  }

  #begin(pid: number): void {
    const end = new AbortController()
    this.#watch = { pid, end }
    const { how } = this.#options
    if (how !== null && how.kind !== 'exit' && how.kind !== 'log') void this.#ask(how, pid, end.signal)
  }

  #unwatch(): void {
    this.#watch?.end.abort()
    this.#watch = undefined
    this.#seenPid = 0
    this.#line = ''
  }

  async #ask(how: ReadyConfig, pid: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    try {
      while (!(await this.#answers(how, signal))) await sleep(clock, PAUSE_MS, signal)
    } catch {
      // It has ended meanwhile.
      return
    }
    if (!signal.aborted) this.#see(pid)
  }

  async #answers(how: ReadyConfig, signal: AbortSignal): Promise<boolean> {
    if (how.kind === 'command') return (await this.#options.run(how.command, COMMAND_MS, signal)).ok
    const late = new AbortController()
    const timer = this.#options.clock.after(ANSWER_MS, () => late.abort())
    const either = AbortSignal.any([signal, late.signal])
    try {
      if (how.kind === 'http') return await answers(how.url, either)
      if (how.kind === 'unix') return await listens({ path: how.path }, either)
      if (how.kind === 'tcp') return await listens({ host: how.host, port: how.port }, either)
      return false
    } finally {
      timer.cancel()
    }
  }

  #see(pid: number): void {
    this.#seenPid = pid
    this.#tell()
  }

  #tell(): void {
    if (this.#wasReady === this.isReady) return
    this.#wasReady = this.isReady
    this.#options.changed()
  }
}

async function answers(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(url, { signal, redirect: 'manual' })
    await response.body?.cancel()
    return response.status >= 200 && response.status < 400
  } catch {
    return false
  }
}

function listens(where: { path: string } | { host: string; port: number }, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(where)
    const end = (is: boolean): void => {
      signal.removeEventListener('abort', give)
      socket.destroy()
      resolve(is)
    }
    const give = (): void => end(false)
    signal.addEventListener('abort', give)
    socket.once('connect', () => end(true))
    socket.once('error', give)
    if (signal.aborted) give()
  })
}
