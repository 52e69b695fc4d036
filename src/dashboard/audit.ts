import { appendFile, open, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { AuditEntry } from './api.ts'

const FILE = 'audit.jsonl'
const BEFORE = 'audit.1.jsonl'

/** Kept in memory, to be shown. */
const MOST_SHOWN = 1_000

/** Of the file so much is read at the start. */
const MOST_READ = 1024 * 1024

/** Longer options are told of by their beginning. */
const MOST_OPTIONS = 4_096
const MOST_TEXT = 1_000

/**
 * Who did what: one JSON object a line, appended and never changed. When the file has grown to half of what it may be, it
 * becomes the one before, and the one before that goes.
 */
export class AuditLog {
  readonly #folder: string
  readonly #mostBytes: number
  #newest: AuditEntry[] = []
  /** Writes, one after the other. */
  #writing: Promise<void> = Promise.resolve()
  #bytes = 0

  constructor(folder: string, mostBytes: number) {
    this.#folder = folder
    this.#mostBytes = mostBytes
  }

  /** Reads the end of what was written before. */
  async start(): Promise<void> {
    const read = await tail(this.#path(FILE))
    const more = read.entries.length < MOST_SHOWN ? (await tail(this.#path(BEFORE))).entries : []
    this.#bytes = read.size
    this.#newest = [...more, ...read.entries].slice(-MOST_SHOWN)
  }

  /** The newest first. */
  list(limit: number): readonly AuditEntry[] {
    return this.#newest.slice(-limit).reverse()
  }

  /** Resolves when it is on disk. Never rejects: what cannot be written is in the log, and still in memory. */
  write(entry: AuditEntry): Promise<void> {
    const kept: AuditEntry = {
      ...entry,
      target: entry.target.slice(0, MOST_TEXT),
      text: entry.text.slice(0, MOST_TEXT),
      options: bounded(entry.options),
    }
    this.#newest.push(kept)
    if (this.#newest.length > MOST_SHOWN) this.#newest.shift()
    this.#writing = this.#writing.then(() => this.#append(kept))
    return this.#writing
  }

  /** Resolves when all is written. */
  async stop(): Promise<void> {
    await this.#writing
  }

  async #append(entry: AuditEntry): Promise<void> {
    try {
      const line = `${JSON.stringify(entry)}\n`
      const bytes = Buffer.byteLength(line)
      if (this.#bytes > 0 && this.#bytes + bytes > this.#mostBytes / 2) {
        await rename(this.#path(FILE), this.#path(BEFORE))
        this.#bytes = 0
      }
      await appendFile(this.#path(FILE), line, { mode: 0o600 })
      this.#bytes += bytes
    } catch (error) {
      log('error', 'dashboard', 'audit log cannot be written', { ...entry, error: messageOf(error) })
    }
  }

  #path(name: string): string {
    return join(this.#folder, name)
  }
}

/** The last entries of a file; a line that was torn by a crash, or written by somebody else, is passed over. */
async function tail(path: string): Promise<{ readonly size: number; readonly entries: AuditEntry[] }> {
  let size: number
  let text: string
  try {
    ;({ size } = await stat(path))
    const file = await open(path)
    try {
      const length = Math.min(size, MOST_READ)
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length)
      text = buffer.toString('utf8', 0, bytesRead)
    } finally {
      await file.close()
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { size: 0, entries: [] }
    throw error
  }
  const entries = text.split('\n').flatMap((line) => {
    try {
      const entry = JSON.parse(line) as AuditEntry | null
      return typeof entry?.atMs === 'number' && typeof entry.action === 'string' ? [entry] : []
    } catch {
      return []
    }
  })
  return { size, entries: entries.slice(-MOST_SHOWN) }
}

function bounded(options: unknown): unknown {
  const text = JSON.stringify(options) ?? 'null'
  return text.length <= MOST_OPTIONS ? options : `${text.slice(0, MOST_OPTIONS)}...`
}
