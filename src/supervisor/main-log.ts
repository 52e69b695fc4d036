import type { Clock } from '../base/clock.ts'
import { log, type LogLevel } from '../base/log.ts'
import { LOG_LEVELS, type SupervisorLogLevel } from './configuration.ts'
import { LogFile, type Rotation } from './log-file.ts'

/** supervisord's four letters of each level, and what it is with us. */
const LEVELS: Readonly<Record<SupervisorLogLevel, { letters: string; ours: LogLevel }>> = {
  blather: { letters: 'BLAT', ours: 'debug' },
  trace: { letters: 'TRAC', ours: 'debug' },
  debug: { letters: 'DEBG', ours: 'debug' },
  info: { letters: 'INFO', ours: 'info' },
  warn: { letters: 'WARN', ours: 'warn' },
  error: { letters: 'ERRO', ours: 'error' },
  critical: { letters: 'CRIT', ours: 'error' },
}

/** Bytes that may wait to be written. */
const MOST_WAITING = 8 * 1024 ** 2

export interface MainLogOptions {
  /** null: no file. */
  readonly path: string | null
  readonly rotation: Rotation
  readonly level: SupervisorLogLevel
  readonly clock: Clock
  /** Takes each line too, with its end. */
  readonly echo?: ((line: string) => void) | undefined
}

/** The supervisor's own log, in supervisord's words and form, as people's scripts read it. */
export class MainLog {
  readonly #options: MainLogOptions
  readonly #file: LogFile | undefined
  /** Bytes on their way to the file. */
  #waiting = 0
  #dropped = 0

  constructor(options: MainLogOptions) {
    this.#options = options
    const complain = (problem: string): void => void this.#tell('error', problem)
    if (options.path !== null) this.#file = new LogFile(options.path, options.rotation, complain)
  }

  get path(): string | undefined {
    return this.#file?.path
  }

  /** Makes the file. Throws what Node throws. */
  async open(): Promise<void> {
    await this.#file?.create()
  }

  /** Whether anything of that level is kept. */
  isLogged(level: SupervisorLogLevel): boolean {
    return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(this.#options.level)
  }

  write(level: SupervisorLogLevel, text: string): void {
    if (!this.isLogged(level)) return
    const line = this.#tell(level, text)
    if (this.#file) void this.#keep(this.#file, Buffer.from(line))
  }

  /** At level debug it has all that programs write, who may be faster than the disk: then it has not all of it. */
  async #keep(file: LogFile, bytes: Buffer): Promise<void> {
    if (this.#waiting > MOST_WAITING) {
      this.#dropped++
      return
    }
    this.#waiting += bytes.length
    await file.write(bytes)
    this.#waiting -= bytes.length
    if (this.#dropped === 0 || this.#waiting > MOST_WAITING / 2) return
    const lost = this.#dropped
    this.#dropped = 0
    this.write('warn', `${lost} entries of this log are lost: they came faster than they could be written`)
  }

  async clear(): Promise<void> {
    await this.#file?.clear()
  }

  async reopen(): Promise<void> {
    await this.#file?.reopen()
  }

  async close(): Promise<void> {
    await this.#file?.close()
  }

  #tell(level: SupervisorLogLevel, text: string): string {
    const { letters, ours } = LEVELS[level]
    const line = `${timestamp(this.#options.clock.now())} ${letters} ${text}\n`
    this.#options.echo?.(line)
    log(ours, 'supervisor', text)
    return line
  }
}

/** `2026-11-21 02:00:03,647`, in the time zone of this machine. */
function timestamp(epochMs: number): string {
  const at = new Date(epochMs)
  const two = (number: number): string => String(number).padStart(2, '0')
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
  return `${day} ${time},${String(at.getMilliseconds()).padStart(3, '0')}`
}
