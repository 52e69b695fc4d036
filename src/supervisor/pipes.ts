import { execFile } from 'node:child_process'
import { chownSync, closeSync, constants, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Most names on one command line. */
const AT_ONCE = 500

/** Fewer are not worth a program. */
const AT_LEAST = 16

/** How folders of pipes begin. */
export const PIPES_PREFIX = 'lovage-supervisor-'

/** The two ends of a pipe. */
export interface Ends {
  readonly read: number
  readonly write: number
}

/**
 * Pipes by which programs write to us. Those that Node makes are sockets, which a program cannot open as `/dev/stdout`;
 * these are FIFOs in a directory of our own, one for each channel of each process, for all its lives.
 */
export class Pipes {
  readonly folder: string
  readonly #stock: string[] = []
  #count = 0

  constructor(temporary: string) {
    this.folder = mkdtempSync(join(temporary, PIPES_PREFIX))
  }

  /** A path of one that nobody uses. */
  async take(): Promise<string> {
    if (this.#stock.length === 0) await this.stock(AT_LEAST)
    return this.#stock.pop() ?? this.take()
  }

  /** Makes `count` of them ahead: one program does that for hundreds as fast as for one. */
  async stock(count: number): Promise<void> {
    const paths = Array.from({ length: count }, () => join(this.folder, String(this.#count++)))
    for (let at = 0; at < paths.length; at += AT_ONCE) {
      const some = paths.slice(at, at + AT_ONCE)
      await run('mkfifo', ['-m', '600', '--', ...some], { timeout: 30_000 })
      this.#stock.push(...some)
    }
  }

  /** Opens both ends: ours, and one for the process of user `owner`, where that is another. */
  open(path: string, owner: number | null): Ends {
    if (owner !== null && process.getuid?.() === 0) chownSync(path, owner, -1)
    // In this order neither waits for the other, and only ours is non-blocking.
    const read = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      return { read, write: openSync(path, constants.O_WRONLY) }
    } catch (error) {
      closeSync(read)
      throw error
    }
  }

  /** What nobody holds open any more can be used by another. */
  giveBack(path: string): void {
    this.#stock.push(path)
  }

  remove(): void {
    if (existsSync(this.folder)) rmSync(this.folder, { recursive: true, force: true })
  }
}
