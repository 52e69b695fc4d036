import { relative } from 'node:path'
import { systemClock, type Clock } from '../base/clock.ts'
import { complaintOf, type Complaint } from './complaint.ts'
import { DevProcess } from './dev-process.ts'
import type { ChildOptions } from './dev-report.ts'
import { EXIT } from './exit.ts'
import { shownMs } from './paint.ts'
import { watchFiles, type FileWatch } from './watch-files.ts'

/** A stop that takes longer than this is explained. */
const PATIENCE_MS = 1_000

export interface DevLoopOptions {
  readonly child: ChildOptions
  /** Folders to watch from the beginning; those of the loaded modules come on top. */
  readonly folders: readonly string[]
  /** Codes of errors that a change of the user's files cannot mend: at the first start they end it. */
  readonly fatal: readonly string[]
  readonly say: (line: string) => void
  readonly complain: (complaint: Complaint) => void
  readonly clock?: Clock
}

/**
 * Runs the workload in a child process and replaces it on each change: the new one is loaded first, then the old one
 * ends what it has begun, then the new one starts. A version that cannot be loaded leaves the old one running.
 */
export class DevLoop {
  readonly #options: DevLoopOptions
  readonly #clock: Clock
  readonly #watches: FileWatch[] = []
  readonly #watched = new Set<string>()
  #running: DevProcess | undefined
  /** The version before, while it ends what it has begun. */
  #ending: DevProcess | undefined
  #loading: DevProcess | undefined
  #everReady = false
  #stopped = false
  /** Turns run one after the other; only the newest one that waits is worth running. */
  #turn: Promise<void> = Promise.resolve()
  #wanted = 0
  #finish: (code: number) => void = () => undefined
  /** Resolves with an exit code when the loop cannot go on by itself. */
  readonly finished = new Promise<number>((resolve) => (this.#finish = resolve))

  constructor(options: DevLoopOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  async start(): Promise<void> {
    await this.#watch(this.#options.folders)
    this.#renew([])
    await this.#turn
  }

  /** Ends the workload warm. Resolves when it has ended. */
  async stop(): Promise<void> {
    this.#close()
    await this.#loading?.kill()
    await this.#ending?.ended
    await this.#end(this.#running)
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    this.#close()
    await Promise.all([this.#loading?.kill(), this.#ending?.kill(), this.#running?.kill()])
  }

  #close(): void {
    this.#stopped = true
    for (const watch of this.#watches) watch.close()
  }

  async #watch(folders: readonly string[]): Promise<void> {
    const fresh = folders.filter((folder) => ![...this.#watched].some((known) => contains(known, folder)))
    for (const folder of fresh) this.#watched.add(folder)
    if (fresh.length > 0)
      this.#watches.push(await watchFiles(fresh, (paths) => this.#renew(paths), { clock: this.#clock }))
  }

  #renew(paths: readonly string[]): void {
    const number = ++this.#wanted
    // What is being loaded is outdated now, and nothing of it runs yet.
    void this.#loading?.kill()
    this.#turn = this.#turn
      .then(() => (number === this.#wanted && !this.#stopped ? this.#replace(paths) : undefined))
      .catch((error: unknown) => this.#options.complain(complaintOf(error)))
  }

  async #replace(paths: readonly string[]): Promise<void> {
    const { say, complain, fatal, child } = this.#options
    const startedMs = this.#clock.monotonic()
    const number = this.#wanted
    if (paths.length > 0) say(`${shownPaths(paths)} changed`)
    const next = new DevProcess(child, this.#clock)
    this.#loading = next
    const loaded = await next.loaded()
    this.#loading = undefined
    if (this.#stopped || number !== this.#wanted) return void (await next.kill())
    if (!loaded.ok) {
      complain(loaded.complaint)
      await next.kill()
      return say(
        this.#running ? 'the version before goes on; waiting for the next change' : 'waiting for the next change',
      )
    }
    if (loaded.folders) await this.#watch(loaded.folders)
    await this.#end(this.#running)
    if (this.#stopped) return void (await next.kill())
    this.#running = next
    this.#attend(next)
    const ready = await next.go(!this.#everReady)
    if (this.#stopped) return
    if (!ready.ok) {
      this.#running = undefined
      complain(ready.complaint)
      if (!this.#everReady && fatal.includes(ready.complaint.code ?? '')) return this.#finish(EXIT.failed)
      return say('waiting for the next change')
    }
    if (this.#everReady) say(`reloaded in ${shownMs(this.#clock.monotonic() - startedMs)}`)
    this.#everReady = true
  }

  /** A workload that ends without having been told to (an uncaught error, an exit) is not silently gone. */
  #attend(current: DevProcess): void {
    void current.ended.then(() => {
      if (this.#stopped || this.#running !== current || !this.#everReady) return
      this.#running = undefined
      this.#options.complain(current.complaint ?? { what: 'The process ended by itself' })
      this.#options.say('waiting for the next change')
    })
  }

  async #end(old: DevProcess | undefined): Promise<void> {
    if (!old) return
    this.#running = undefined
    this.#ending = old
    const patience = this.#clock.after(PATIENCE_MS, () => this.#options.say('waiting for requests and tasks that run'))
    const lost = await old.stop()
    patience.cancel()
    this.#ending = undefined
    if (lost) this.#options.say(lostLine(lost))
  }
}

/** Messages that went with the memory of a process. */
export function lostLine(messages: number): string {
  const them = messages === 1 ? '1 message' : `${messages} messages`
  return `${them} that waited in the memory of this process went with it; a broker of its own keeps them`
}

function contains(folder: string, inner: string): boolean {
  const path = relative(folder, inner)
  return path === '' || !(path.startsWith('..') || path.includes('node_modules'))
}

function shownPaths(paths: readonly string[]): string {
  const shown = paths.slice(0, 3).map((path) => relative(process.cwd(), path))
  return paths.length > 3 ? `${shown.join(', ')} and ${paths.length - 3} more` : shown.join(', ')
}
