import { open, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { messageOf } from '../base/errors.ts'

export interface Rotation {
  /** Bytes; 0: never rotated. */
  readonly maxbytes: number
  readonly backups: number
}

/** The streams of the supervisor itself: opening them by name fails where they are sockets. */
const OWN_STREAMS: Readonly<Record<string, number>> = {
  '/dev/stdout': 1,
  '/dev/stderr': 2,
  '/dev/fd/1': 1,
  '/dev/fd/2': 2,
  '/proc/self/fd/1': 1,
  '/proc/self/fd/2': 2,
}

/**
 * One log file that is appended to, and rotated when it has grown to `maxbytes`: `.1` is the youngest of its backups. What
 * is asked of it happens in the order in which it was asked. A write that fails is told once until one works again, and
 * what it should have written is lost: the program that wrote it must not stand still for it.
 */
export class LogFile {
  readonly path: string
  readonly #rotation: Rotation
  readonly #mode: number
  readonly #complain: (problem: string) => void
  #handle: FileHandle | undefined
  #size = 0
  #last: Promise<void> = Promise.resolve()
  #isBroken = false

  /** @param complain is told when it can no more be written, and when it can again */
  constructor(path: string, rotation: Rotation, complain: (problem: string) => void, mode = 0o666) {
    this.path = path
    this.#rotation = rotation
    this.#complain = complain
    this.#mode = mode
  }

  /** Makes the file where there is none, so that it can be read before anything is written. Throws what Node throws. */
  create(): Promise<void> {
    return this.#next(async () => void (await this.#open()))
  }

  /** Resolves when it is written, or given up. */
  write(bytes: Uint8Array): Promise<void> {
    return this.#next(() => this.#write(bytes))
  }

  /** Begins anew with an empty file. Throws what Node throws. */
  clear(): Promise<void> {
    return this.#next(async () => {
      await this.#close()
      if (this.#isOwnStream) return
      await rm(this.path, { force: true })
      await this.#open()
    })
  }

  /** Opens it again by name: somebody else has moved it away. */
  reopen(): Promise<void> {
    return this.#next(() => this.#close())
  }

  close(): Promise<void> {
    return this.#next(() => this.#close())
  }

  get #isOwnStream(): boolean {
    return OWN_STREAMS[this.path] !== undefined
  }

  #next(act: () => Promise<void>): Promise<void> {
    const done = this.#last.then(act)
    this.#last = done.catch(() => {})
    return done
  }

  async #open(): Promise<FileHandle> {
    const name = this.#isOwnStream ? `/proc/self/fd/${OWN_STREAMS[this.path]}` : this.path
    const handle = (this.#handle ??= await open(name, 'a', this.#mode))
    this.#size = (await handle.stat()).size
    return handle
  }

  async #close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      const handle = this.#handle ?? (await this.#open())
      await handle.writeFile(bytes)
      this.#size += bytes.length
      if (this.#rotation.maxbytes > 0 && this.#size >= this.#rotation.maxbytes) await this.#rotate()
      if (this.#isBroken) this.#complain(`${this.path} can be written again`)
      this.#isBroken = false
    } catch (error) {
      if (!this.#isBroken) this.#complain(`${this.path} cannot be written, what comes is lost: ${messageOf(error)}`)
      this.#isBroken = true
      await this.#close().catch(() => {})
    }
  }

  async #rotate(): Promise<void> {
    if (this.#isOwnStream) return
    // A device, or a pipe, has no size to speak of.
    if (!(await stat(this.path)).isFile()) return
    await this.#close()
    const { backups } = this.#rotation
    if (backups <= 0) await rm(this.path, { force: true })
    for (let number = backups - 1; number >= 1; number--)
      await move(`${this.path}.${number}`, `${this.path}.${number + 1}`)
    if (backups > 0) await move(this.path, `${this.path}.1`)
    await this.#open()
  }
}

async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** The log files of all programs: two channels that name the same file write to one, which is rotated once. */
export class LogFiles {
  readonly #complain: (problem: string) => void
  readonly #open = new Map<string, { file: LogFile; users: number }>()

  constructor(complain: (problem: string) => void) {
    this.#complain = complain
  }

  take(path: string, rotation: Rotation, mode?: number): LogFile {
    const taken = this.#open.get(path) ?? { file: new LogFile(path, rotation, this.#complain, mode), users: 0 }
    taken.users++
    this.#open.set(path, taken)
    return taken.file
  }

  async giveBack(file: LogFile): Promise<void> {
    const taken = this.#open.get(file.path)
    if (!taken || --taken.users > 0) return
    this.#open.delete(file.path)
    await file.close()
  }

  async reopen(): Promise<void> {
    await Promise.all([...this.#open.values()].map(({ file }) => file.reopen()))
  }
}
