import { Worker } from 'node:worker_threads'

/**
 * Looks twice a second whether this process has another parent than it had, which is to be an orphan. As text, because a
 * thread that loads nothing is there before the first task, and costs little.
 */
const LOOK = `
const { workerData: parent } = require('node:worker_threads')
const cell = new Int32Array(new SharedArrayBuffer(4))
while (process.ppid === parent) Atomics.wait(cell, 0, 0, 500)
process.kill(-process.pid, 'SIGKILL')
`

/**
 * Ends this process and all that it has started when its parent is gone, even while a task keeps its loop from turning:
 * a thread looks.
 */
export function watchParent(): void {
  const options = { eval: true, name: 'lovage parent watch', workerData: process.ppid, execArgv: [], stdout: true }
  new Worker(LOOK, { ...options, resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 } }).unref()
}
