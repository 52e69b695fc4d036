import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { guardGroup, releaseGroup } from './reaper.ts'

export interface ChildOptions {
  cwd?: string
  /** Added to this process's own environment; `undefined` takes a variable out. */
  env?: Record<string, string | undefined>
  /** What errors call it. Default: the command. */
  name?: string
}

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

/** Longest wait for a line or an end, unless told otherwise. */
const DEFAULT_WAIT_MS = 60_000

/** Lines kept for matching and for error texts; older ones are dropped. */
const LINES_KEPT = 20_000

/**
 * A process of a test: its lines are awaited by pattern, each wait has a deadline, and it does not outlive the test run.
 * It leads a process group of its own, so that what it starts ends with it.
 */
export class Child {
  readonly name: string
  readonly pid: number
  /** All lines of stdout and stderr so far, in the order they came. */
  readonly lines: string[] = []
  /** Settles when the process has ended and its output is read to the end. */
  readonly exited: Promise<Exit>
  #process: ChildProcess
  #exit: Exit | undefined
  #watchers = new Set<() => void>()

  constructor(command: string, args: readonly string[], options: ChildOptions = {}) {
    this.name = options.name ?? [command, ...args].join(' ')
    const env = { ...process.env, ...options.env }
    const child = spawn(command, args, { cwd: options.cwd, env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
    this.#process = child
    this.pid = child.pid ?? -1
    if (child.pid) guardGroup(child.pid)
    child.stdin.on('error', () => {})
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (this.lines.length >= LINES_KEPT) this.lines.shift()
        this.lines.push(line)
        this.#wake()
      })
    }
    this.exited = new Promise((resolve) => {
      const end = (exit: Exit): void => {
        this.#exit = exit
        if (child.pid) releaseGroup(child.pid)
        this.#wake()
        resolve(exit)
      }
      child.once('error', (error) => {
        this.lines.push(String(error))
        end({ code: null, signal: null })
      })
      child.once('close', (code, signal) => end({ code, signal }))
    })
  }

  /** How it ended; undefined while it runs. */
  get exit(): Exit | undefined {
    return this.#exit
  }

  /**
   * The first line that matches, among those that came already and those to come.
   * @throws Error with the last lines when the process ends or the time is up before one does.
   */
  line(pattern: RegExp | string, options: { timeoutMs?: number; from?: number } = {}): Promise<string> {
    const matches = (line: string): boolean =>
      typeof pattern === 'string' ? line.includes(pattern) : new RegExp(pattern.source, pattern.flags).test(line)
    return this.#until(
      `a line with ${String(pattern)}`,
      () => this.lines.slice(options.from ?? 0).find(matches),
      options.timeoutMs,
    )
  }

  /** Waits for the end. */
  ended(options: { timeoutMs?: number } = {}): Promise<Exit> {
    return this.#until('its end', () => this.#exit, options.timeoutMs)
  }

  write(text: string): void {
    this.#process.stdin?.write(text)
  }

  /** Sends a signal to the process alone. */
  signal(signal: NodeJS.Signals): void {
    if (!this.#exit) this.#process.kill(signal)
  }

  /** Sends a signal to the process and all that it started. */
  signalGroup(signal: NodeJS.Signals): void {
    if (this.pid < 0) return
    try {
      process.kill(-this.pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }

  /** Ends it: SIGTERM, and SIGKILL to the whole group when it is not gone after `graceMs` (default 20 s). */
  async stop(options: { graceMs?: number } = {}): Promise<Exit> {
    this.signal('SIGTERM')
    const timer = setTimeout(() => this.signalGroup('SIGKILL'), options.graceMs ?? 20_000)
    const exit = await this.exited
    clearTimeout(timer)
    this.signalGroup('SIGKILL')
    return exit
  }

  /** Ends it and all that it started at once, as `kill -9` does. */
  async kill(): Promise<Exit> {
    this.signalGroup('SIGKILL')
    return this.exited
  }

  #wake(): void {
    for (const watcher of [...this.#watchers]) watcher()
  }

  #until<T>(what: string, look: () => T | undefined, timeoutMs = DEFAULT_WAIT_MS): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        done()
        reject(new Error(`${this.name}: ${why} while waiting for ${what}. Its last lines:\n${this.tail()}`))
      }
      const done = (): void => {
        clearTimeout(timer)
        this.#watchers.delete(check)
      }
      const check = (): void => {
        const found = look()
        if (found !== undefined) {
          done()
          resolve(found)
        } else if (this.#exit) {
          fail(`it ended (code ${this.#exit.code}, signal ${this.#exit.signal})`)
        }
      }
      const timer = setTimeout(() => fail(`${timeoutMs} ms passed`), timeoutMs)
      this.#watchers.add(check)
      check()
    })
  }

  /** The last lines, for error texts. */
  tail(count = 30): string {
    return this.lines.slice(-count).join('\n')
  }
}

/** Starts a process of a test. */
export function startChild(command: string, args: readonly string[] = [], options: ChildOptions = {}): Child {
  return new Child(command, args, options)
}

/** Runs a process to its end and returns its output; throws when its exit code is not 0. */
export async function runChild(
  command: string,
  args: readonly string[] = [],
  options: ChildOptions & { timeoutMs?: number } = {},
): Promise<string[]> {
  const child = startChild(command, args, options)
  try {
    const exit = await child.ended({ timeoutMs: options.timeoutMs ?? 90_000 })
    if (exit.code !== 0) {
      throw new Error(`${child.name} ended with code ${exit.code}, signal ${exit.signal}:\n${child.tail(60)}`)
    }
    return child.lines
  } finally {
    await child.kill()
  }
}
