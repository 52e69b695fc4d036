import { open, rename, rm, writeFile } from 'node:fs/promises'
import { constants, lstatSync, readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { LovageError, messageOf } from '../base/errors.ts'
import type { GroupConfig } from './configuration.ts'
import type { MainLog } from './main-log.ts'
import { PIPES_PREFIX } from './pipes.ts'
import type { Subprocess } from './subprocess.ts'

/** A process that was there when the file was written. A pid alone may be another's by now; with the time of its start it is not. */
interface Kept {
  readonly name: string
  readonly pid: number
  readonly started: string
  readonly sinceMs: number
}

interface Contents {
  readonly version: 1
  readonly pid: number
  readonly started: string
  readonly folder: string
  readonly processes: readonly Kept[]
}

/**
 * Tells the next supervisor what this one has started. It is gone after an orderly end; what it names after a `kill -9`
 * may still run, and nobody keeps it.
 */
export class StateFile {
  /** Where this supervisor has its pipes. */
  folder = ''
  readonly #path: string
  readonly #clock: Clock
  readonly #log: MainLog
  readonly #kept = new Map<Subprocess, Kept>()
  #isOpen = false
  #isDirty = false
  #writing: Promise<void> = Promise.resolve()
  #isBroken = false

  constructor(path: string, clock: Clock, log: MainLog) {
    this.#path = path
    this.#clock = clock
    this.#log = log
  }

  /**
   * Tells of what an earlier supervisor has left running, and returns the folder that it has left. Throws
   * SUPERVISOR_CANNOT when that one runs still.
   */
  async open(groups: readonly GroupConfig[]): Promise<string | undefined> {
    const left = await this.#read()
    if (left && left.pid !== process.pid && isSame(left)) {
      throw new LovageError('SUPERVISOR_CANNOT', {
        what: 'A second supervisor with this pidfile',
        problem: `pid ${left.pid} keeps the processes of ${this.#path}`,
        fix: 'Stop that one first, or set another pidfile= in [supervisord]',
      })
    }
    const names = new Set(groups.flatMap(({ name, processes }) => processes.map((each) => `${name}:${each.name}`)))
    for (const kept of left?.processes ?? []) {
      if (!isSame(kept)) continue
      const since = new Date(kept.sinceMs).toISOString()
      const known = names.has(kept.name) ? 'is started as configured beside it' : 'is not in the configuration any more'
      const text = `left running: ${kept.name} with pid ${kept.pid} since ${since}, by a supervisor that was killed; nobody keeps it (end it with: kill ${kept.pid}), and it ${known}`
      this.#log.write('warn', text)
    }
    this.#isOpen = true
    this.#write()
    return left && isOurFolder(left.folder) ? left.folder : undefined
  }

  changed(process: Subprocess): void {
    const { pid, startedAtMs } = process.status
    if (pid === (this.#kept.get(process)?.pid ?? 0)) return
    const started = pid === 0 ? undefined : startOf(pid)
    if (started === undefined) this.#kept.delete(process)
    else {
      const name = `${process.group}:${process.config.name}`
      this.#kept.set(process, { name, pid, started, sinceMs: startedAtMs })
    }
    this.#write()
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    await this.#writing
    await rm(this.#path, { force: true })
  }

  async #read(): Promise<Contents | undefined> {
    try {
      const contents = JSON.parse(await readOwn(this.#path)) as Contents
      return contents.version === 1 ? contents : undefined
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT') this.#log.write('warn', `${this.#path} cannot be read: ${messageOf(error)}`)
      return undefined
    }
  }

  /** Once for all changes of a turn of the event loop. */
  #write(): void {
    if (this.#isDirty || !this.#isOpen) return
    this.#isDirty = true
    this.#clock.turn(() => {
      this.#writing = this.#writing.then(async () => {
        this.#isDirty = false
        if (!this.#isOpen) return
        const { pid } = process
        const processes = [...this.#kept.values()]
        const contents: Contents = { version: 1, pid, started: startOf(pid) ?? '', folder: this.folder, processes }
        try {
          // Whatever has that name may be a link that somebody has laid: it is removed, and never written through.
          await rm(`${this.#path}.new`, { force: true })
          await writeFile(`${this.#path}.new`, JSON.stringify(contents), { mode: 0o600, flag: 'wx' })
          await rename(`${this.#path}.new`, this.#path)
          this.#isBroken = false
        } catch (error) {
          if (!this.#isBroken) this.#log.write('error', `${this.#path} cannot be written: ${messageOf(error)}`)
          this.#isBroken = true
        }
      })
    })
  }
}

/** In a folder where others may write, they may have left what is read here. Throws where the file is another's. */
async function readOwn(path: string): Promise<string> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const stat = await handle.stat()
    if (!stat.isFile() || stat.uid !== process.getuid?.()) throw new Error('it is no file of this user')
    return await handle.readFile('utf8')
  } finally {
    await handle.close()
  }
}

/** Whether it is a folder of pipes that a supervisor of this user has made: all that is in it will be removed. */
function isOurFolder(folder: unknown): boolean {
  if (typeof folder !== 'string' || resolve(folder) !== folder) return false
  if (!basename(folder).startsWith(PIPES_PREFIX)) return false
  const found = lstatSync(folder, { throwIfNoEntry: false })
  return found !== undefined && found.isDirectory() && found.uid === process.getuid?.()
}

/** When a process was started, in the kernel's count since boot, and which boot; undefined: there is none, or no /proc. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the name of the program, which may have anything in it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z') return undefined
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${fields[19]}`
  } catch {
    return undefined
  }
}

function isSame({ pid, started }: { pid: number; started: string }): boolean {
  return started !== '' && startOf(pid) === started
}
