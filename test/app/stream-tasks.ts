import { type App, lovage } from '../../src/app/app.ts'
import type { RemoteTask } from '../../src/app/task.ts'

/** Defines a task that tells in the end where it has run. */
export function defineReport(app: App): RemoteTask<[count: number], number, { line: number; at: Date }> {
  return app.task('report.lines', async function* (count: number) {
    for (let line = 1; line <= count; line++) yield { line, at: new Date(line) }
    return process.pid
  })
}

/** What children of a pool load; the environment says where broker and store are. */
export const app = lovage('streams')
defineReport(app)
