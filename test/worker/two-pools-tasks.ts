import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread } from 'node:worker_threads'
import { type App, lovage } from '../../src/app/app.ts'

/** Tasks for a pool of threads or processes, and one for the worker's own loop. */
export function define(app: App, pool: 'threads' | 'processes'): App {
  app.task('busy', { pool }, (path: string) => {
    while (!existsSync(path)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    return isMainThread
  })
  app.task('until', { pool }, async (path: string) => {
    while (!existsSync(path)) await sleep(5)
    return process.pid
  })
  app.task('light', () => isMainThread)
  return app
}

// What threads and processes load: they find it by the name of the application that the tests use.
define(lovage('bench', {}), 'threads')
