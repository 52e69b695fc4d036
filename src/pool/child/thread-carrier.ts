import { startThread } from '../../base/thread.ts'
import { messageOf } from '../../base/errors.ts'
import { STALL_BYTES } from '../stall.ts'
import type { Carrier, CarrierEvents, ThreadData } from './carrier.ts'
import type { Order, Report } from './messages.ts'
import { readLines } from './output-lines.ts'

const MAIN = new URL(import.meta.url.endsWith('.ts') ? './thread-main.ts' : './thread-main.js', import.meta.url)

/** Starts a thread. One that sits in native code goes on after `kill` until it returns from there. */
export function startThreadChild({ onReports, onLine, onExit }: CarrierEvents): Carrier {
  const buffer = new SharedArrayBuffer(STALL_BYTES)
  const thread = startThread(MAIN, { stdout: true, stderr: true, workerData: { buffer } satisfies ThreadData })
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
    buffer,
    send: (orders: readonly Order[]) => thread.postMessage(orders),
    kill: () => {
      // One that sits in native code must not keep the process from its end.
      thread.unref()
      void thread.terminate()
    },
  }
}
