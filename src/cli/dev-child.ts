import { dirname } from 'node:path'
import { printBanner } from './banner.ts'
import { complaintOf } from './complaint.ts'
import type { ChildOptions, Order, Report } from './dev-report.ts'
import { leave } from './exit.ts'
import { writeLog } from './log-lines.ts'
import { loadTarget } from './target.ts'
import { prepareWorkload, type Workload } from './workload.ts'

/** The process that `lovage dev` replaces on each change: loads, waits for `go`, runs, stops when told. */
async function main(options: ChildOptions): Promise<void> {
  let workload: Workload | undefined
  let stopping = false

  // The terminal sends Ctrl-C to both of us; the parent decides what it means.
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => undefined)
  const fail = (thrown: unknown): void =>
    void tell({ kind: 'failed', complaint: complaintOf(thrown) }).then(() => leave(1))
  process.on('uncaughtException', fail)

  const stop = async (): Promise<void> => {
    if (stopping) return
    stopping = true
    const lost = (await workload?.stop()) ?? 0
    endLog()
    await tell({ kind: 'stopped', lost })
    await leave(0)
  }
  // A parent that is gone must not leave a gateway behind that nobody knows of.
  process.on('disconnect', () => void stop().catch(() => process.exit(1)))

  const endLog = await writeLog({ ...options, joined: true })
  const target = await loadTarget(options, { gateways: true, beats: true })
  const prepared = await prepareWorkload(target, options)
  const go = async (banner: boolean): Promise<void> => {
    workload = prepared
    await prepared.start()
    if (banner) printBanner(target, prepared)
    await tell({ kind: 'ready' })
  }
  process.on('message', (order: Order) => void (order.kind === 'stop' ? stop() : go(order.banner)).catch(fail))
  await tell({ kind: 'loaded', folders: [...target.modules.keys()].map((file) => dirname(file)) })
}

function tell(report: Report): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || !process.send) return resolve()
    process.send(report, () => resolve())
  })
}

const options = JSON.parse(process.argv[2] ?? '{}') as ChildOptions
main(options).catch(async (error: unknown) => {
  await tell({ kind: 'failed', complaint: complaintOf(error) })
  await leave(1)
})
