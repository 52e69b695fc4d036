import { systemClock } from '../../base/clock.ts'
import { forkProcess } from '../../base/fork.ts'
import type { Carrier, CarrierEvents } from './carrier.ts'
import type { Order, Report } from './messages.ts'
import { readLines } from './output-lines.ts'

const MAIN = new URL(import.meta.url.endsWith('.ts') ? './process-main.ts' : './process-main.js', import.meta.url)

/** Longest wait for what a process that has ended said last. */
const LAST_WORDS_MS = 1_000

/** Starts a child process. It leads a group of its own: what it starts ends with it, and no Ctrl-C of ours reaches it. */
export function startProcess({ onReports, onLine, onExit }: CarrierEvents): Carrier {
  const child = forkProcess(MAIN, { detached: true, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  const { pid = -1 } = child
  let isOver = false
  const over = (exitCode: number | null, signal: string | null): void => {
    if (isOver) return
    isOver = true
    onExit({ exitCode, signal })
  }
  readLines(child.stdout, (line) => onLine('stdout', line))
  readLines(child.stderr, (line) => onLine('stderr', line))
  child.on('message', (reports) => onReports(reports as readonly Report[]))
  child.on('error', (error) => {
    onLine('stderr', String(error))
    // One that could not be started has no end to wait for.
    if (child.pid === undefined) over(null, null)
  })
  child.once('close', over)
  child.once('exit', (code, signal) => {
    // What it has started must not go on without it.
    killGroup(pid)
    // Its last words are mostly on their way still, so that `close` is waited for: unless somebody else, who has left the
    // group, holds its output open.
    systemClock.after(LAST_WORDS_MS, () => over(code, signal), { unref: true })
  })
  return {
    id: pid,
    send: (orders: readonly Order[]) => {
      if (child.connected) child.send(orders, () => {})
    },
    kill: () => {
      if (!isOver) killGroup(pid)
    },
  }
}

function killGroup(pid: number): void {
  if (pid <= 0) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Gone before us.
  }
}
