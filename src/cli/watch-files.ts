import { watch, type FSWatcher } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import { type Clock, systemClock, type Timer } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'

/** A running watch over folders. */
export interface FileWatch {
  /** How many folders are watched. */
  readonly folders: number
  close(): void
}

export interface FileWatchOptions {
  /** Quiet time after the last change before it is told: editors and builds write in bursts. Default 100. */
  readonly settleMs?: number
  readonly clock?: Clock
}

/** What a module can be. Data files are left out: a task that writes one beside its code would reload for ever. */
const MODULE = /\.[cm]?[jt]sx?$/
/** What is below these is written by tools, not by hand. */
const SKIPPED = new Set(['node_modules', 'dist', 'build', 'coverage'])
/** Each folder costs one watch of the kernel, of which there are few on some systems. */
const MOST_FOLDERS = 2_000

/**
 * Tells of changed modules below `roots`: one call a burst, with the paths. Folders that appear later are watched too.
 * One that cannot be watched is logged and left out.
 */
export async function watchFiles(
  roots: readonly string[],
  onChange: (paths: string[]) => void,
  { settleMs = 100, clock = systemClock }: FileWatchOptions = {},
): Promise<FileWatch> {
  const watchers = new Map<string, FSWatcher>()
  const changed = new Set<string>()
  let timer: Timer | undefined
  let closed = false

  const tell = (): void => {
    const paths = [...changed]
    changed.clear()
    if (!closed && paths.length > 0) onChange(paths)
  }

  const touched = (path: string): void => {
    if (closed || !MODULE.test(path)) return
    changed.add(path)
    timer?.cancel()
    timer = clock.after(settleMs, tell)
  }

  // With what is below it: moved away as a whole, these go on to hear of folders that are elsewhere now.
  const drop = (folder: string): void => {
    for (const [path, watcher] of watchers) {
      if (path !== folder && !path.startsWith(folder + sep)) continue
      watcher.close()
      watchers.delete(path)
    }
  }

  // With `appeared`, what lies in a new folder has changed too: it was there before the watch was.
  const add = async (folder: string, appeared: boolean): Promise<void> => {
    try {
      const isFolder = (await stat(folder)).isDirectory()
      if (closed || !isFolder || watchers.has(folder)) return
      if (watchers.size >= MOST_FOLDERS) {
        return log('warn', 'cli', 'too many folders: some are not watched', { folder, most: MOST_FOLDERS })
      }
      const watcher = watch(folder, (event, name) => {
        if (name === null) return
        const path = join(folder, name)
        touched(path)
        if (MODULE.test(name) || !watchable(name)) return
        // It came or went: a watch that is there hears nothing of what has its name now. Here and not once one has looked:
        // it may be there anew by then, even with the inode number of the one that is gone.
        if (event === 'rename') drop(path)
        void add(path, true)
      })
      watcher.on('error', () => {
        if (watchers.get(folder) === watcher) drop(folder)
      })
      watchers.set(folder, watcher)
      for (const entry of await readdir(folder, { withFileTypes: true })) {
        if (entry.isDirectory() && watchable(entry.name)) await add(join(folder, entry.name), appeared)
        else if (appeared && entry.isFile()) touched(join(folder, entry.name))
      }
    } catch (error) {
      // Whoever has looked before it was there must not take the watch of one who came after.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
      drop(folder)
      log('warn', 'cli', 'folder cannot be watched', { folder, problem: messageOf(error) })
    }
  }

  for (const root of new Set(roots.map((root) => resolve(root)))) await add(root, false)

  return {
    get folders() {
      return watchers.size
    },
    close() {
      closed = true
      timer?.cancel()
      for (const watcher of watchers.values()) watcher.close()
      watchers.clear()
    },
  }
}

function watchable(name: string): boolean {
  return !name.startsWith('.') && !SKIPPED.has(name)
}
