import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'

let pipe: Writable | undefined

/** Sends to the process that cleans up after this one, even after a `kill -9`; starts it at first use. */
function tell(verb: 'group' | 'group-gone' | 'folder' | 'folder-gone', what: number | string): void {
  if (!pipe) {
    const reaper = spawn(process.execPath, [fileURLToPath(new URL('reaper.mjs', import.meta.url))], {
      // A session of its own: Ctrl-C in the terminal must not end it before its work.
      detached: true,
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    reaper.unref()
    pipe = reaper.stdin
    pipe.on('error', () => {})
    ;(pipe as Writable & { unref?: () => void }).unref?.()
  }
  pipe.write(`${JSON.stringify([verb, what])}\n`)
}

/** The process group of `pid` is ours: it is killed when this process ends. */
export function guardGroup(pid: number): void {
  tell('group', pid)
}

/** The group has ended; its number may be somebody else's soon. */
export function releaseGroup(pid: number): void {
  tell('group-gone', pid)
}

/** A new empty folder that is removed when this process ends, if not before by {@link removeFolder}. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `lovage-${name}-`))
  tell('folder', folder)
  return folder
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  tell('folder-gone', folder)
}
