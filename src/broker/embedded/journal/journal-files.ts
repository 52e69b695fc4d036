import { type FileHandle, open } from 'node:fs/promises'
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  unlinkSync,
  writevSync,
} from 'node:fs'
import { join } from 'node:path'

/** One file that is open for writing. */
export interface JournalFile {
  /** Writes one behind the other; returns how many bytes were taken, which may be fewer. */
  write(parts: readonly Uint8Array[], at: number): number
  truncate(length: number): void
  /** Resolves when all that was written so far outlives a loss of power. */
  sync(): Promise<void>
  /** The same, before it returns. */
  syncNow(): void
  close(): void
}

/** The folder of a journal. A test gives one whose disk is full. */
export interface JournalFiles {
  list(): string[]
  read(name: string): Buffer
  /** The first bytes; fewer when the file is shorter. */
  readStart(name: string, length: number): Buffer
  /** A new, empty file. */
  create(name: string): JournalFile
  /** What is in a file that somebody else wrote outlives a loss of power from now on. */
  syncNow(name: string): void
  rename(name: string, to: string): void
  /** Without an error when it is not there. */
  remove(name: string): void
  /** Resolves when the names themselves outlive a loss of power. */
  syncNames(): Promise<void>
  /** The same, before it returns. */
  syncNamesNow(): void
}

/** The files of a folder of this machine. */
export function filesIn(folder: string): JournalFiles {
  return {
    list: () => readdirSync(folder),
    read: (name) => readFileSync(join(folder, name)),
    readStart: (name, length) => readStart(join(folder, name), length),
    create: (name) => openFile(join(folder, name)),
    syncNow(name) {
      const fd = openSync(join(folder, name), 'r+')
      try {
        fdatasyncSync(fd)
      } finally {
        closeSync(fd)
      }
    },
    rename: (name, to) => renameSync(join(folder, name), join(folder, to)),
    remove(name) {
      try {
        unlinkSync(join(folder, name))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      }
    },
    async syncNames() {
      let handle: FileHandle | undefined
      try {
        handle = await open(folder, 'r')
        await handle.sync()
      } catch (error) {
        throwUnlessUnsynced(error)
      } finally {
        await handle?.close()
      }
    },
    syncNamesNow() {
      let fd: number | undefined
      try {
        fd = openSync(folder, 'r')
        fsyncSync(fd)
      } catch (error) {
        throwUnlessUnsynced(error)
      } finally {
        if (fd !== undefined) closeSync(fd)
      }
    },
  }
}

/** Some systems open no folders, or sync none: there names are written down with the file. */
function throwUnlessUnsynced(error: unknown): void {
  if (!['EPERM', 'EISDIR', 'EINVAL', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
}

function openFile(path: string): JournalFile {
  const fd = openSync(path, 'wx', 0o600)
  return {
    write: (parts, at) => writevSync(fd, parts, at),
    truncate: (length) => ftruncateSync(fd, length),
    sync: () =>
      new Promise((resolve, reject) => {
        fdatasync(fd, (error) => (error ? reject(error) : resolve()))
      }),
    syncNow: () => fdatasyncSync(fd),
    close: () => closeSync(fd),
  }
}

function readStart(path: string, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  const fd = openSync(path, 'r')
  try {
    return bytes.subarray(0, readSync(fd, bytes, 0, length, 0))
  } finally {
    closeSync(fd)
  }
}

/** The disk, or this user's share of it, is full. */
export function isDiskFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '')
}
