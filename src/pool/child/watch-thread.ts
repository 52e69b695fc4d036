import { workerData } from 'node:worker_threads'
import { systemClock } from '../../base/clock.ts'

/** Between two looks. */
const LOOK_MS = 500

/** An orphan has another parent. */
function look(): void {
  if (process.ppid !== workerData) process.kill(-process.pid, 'SIGKILL')
  systemClock.after(LOOK_MS, look)
}
look()
