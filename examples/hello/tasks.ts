import { setTimeout as sleep } from 'node:timers/promises'
import { currentTask, lovage } from 'lovage'

export const app = lovage('hello')

const lookupMs = Number(process.env['HELLO_LOOKUP_MS'] ?? 3_000)
const pageMs = Number(process.env['HELLO_PAGE_MS'] ?? 500)

/** Quick: the answer is there at once. */
export const add = app.task('hello.add', (x: number, y: number) => x + y)

/** Slow, and says how far it is: one page after the other. */
export const report = app.task('hello.report', async (pages: number) => {
  const { progress, signal } = currentTask()
  for (let page = 1; page <= pages; page++) {
    await sleep(pageMs, undefined, { signal })
    progress({ page, pages })
  }
  return { title: 'How the year went', pages }
})

/** Waits for somebody else, as a query to a slow database does: long, but no work for this machine. */
export const lookup = app.task('hello.lookup', async (key: string) => {
  const { signal } = currentTask()
  await sleep(lookupMs, undefined, { signal })
  return { key, found: true }
})
