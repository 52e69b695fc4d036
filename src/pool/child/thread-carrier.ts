import { startThread } from '../../base/thread.ts'
import { messageOf } from '../../base/errors.ts'
import type { Carrier, CarrierEvents } from './carrier.ts'
import type { Order, Report } from './messages.ts'
import { readLines } from './output-lines.ts'

const MAIN = new URL(import.meta.url.endsWith('.ts') ? './thread-main.ts' : './thread-main.js', import.meta.url)

/** Starts a thread. One that sits in native code goes on after `kill` until it returns from there. */
export function startThreadChild({ onReports, onLine, onExit }: CarrierEvents): Carrier {
  const thread = startThread(MAIN, { stdout: true, stderr: true })
  const id = thread.threadId
  readLines(thread.stdout, (line) => onLine('stdout', line))
  readLines(thread.stderr, (line) => onLine('stderr', line))
  thread.on('message', (reports) => onReports(reports as readonly Report[]))
  thread.on('messageerror', (error) => onLine('stderr', messageOf(error)))
  // What the thread itself could not tell of: its heap is full.
  thread.on('error', (error) => {
    onReports([
      { kind: 'fault', fault: { origin: 'uncaughtException', message: messageOf(error), stack: error.stack ?? null } },
    ])
  })
  thread.once('exit', (exitCode) => onExit({ exitCode, signal: null }))
  return {
    id,
    send: (orders: readonly Order[]) => thread.postMessage(orders),
    kill: () => void thread.terminate(),
  }
}
