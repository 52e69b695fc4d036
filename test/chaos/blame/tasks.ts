/** The tasks of the rounds: a module of its own, because the threads and processes of a pool load it too. */
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { lovage } from '../../../src/app/app.ts'
import { currentTask } from '../../../src/app/current-task.ts'

export const app = lovage('blame', { broker: 'memory://blame' }, { env: {} })

/** How a task ends the process, or the thread, that it runs in. */
export type Deed = 'exit' | 'abort' | 'heap' | 'kill'

/** One line a start: who runs. */
function began(ledger: string, what: string): void {
  appendFileSync(ledger, `${what} ${currentTask().id}\n`)
}

const fillHeap = (): never => {
  const kept: unknown[] = []
  for (;;) kept.push(Array.from({ length: 1_000 }, () => ({})))
}

/** By name, so that its own line of a stack says what was done. */
const DEEDS: Readonly<Record<Deed, () => void>> = {
  exit: () => process.exit(3),
  abort: () => process.abort(),
  heap: fillHeap,
  kill: () => void process.kill(process.pid, 'SIGKILL'),
}

/** Waits, so that it is there when somebody kills. */
export const innocent = app.task('innocent', async (ledger: string, ms: number) => {
  began(ledger, 'innocent')
  await sleep(ms)
  return 'alive'
})

export const killer = app.task('killer', async (ledger: string, deed: Deed, ms: number) => {
  began(ledger, 'killer')
  await sleep(ms)
  DEEDS[deed]()
  // The signal is on its way.
  await sleep(60_000)
})
