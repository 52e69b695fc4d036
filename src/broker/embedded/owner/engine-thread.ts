import { chmodSync, renameSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../../base/clock.ts'
import { isLovageError, LovageError, messageOf } from '../../../base/errors.ts'
import { onLog } from '../../../base/log.ts'
import { filesIn } from '../journal/journal-files.ts'
import { EngineServer } from './engine-server.ts'
import { watchOwnerRecord } from './guard.ts'
import type { ThreadOptions, ThreadReport } from './thread-report.ts'

const { folder, socketPath, sync } = workerData as ThreadOptions

/** Longest that a clean end waits for what other processes have in hand. */
const DRAIN_MS = 1000

/** Between two looks at whether the directory is still there. */
const LOOK_MS = 1000

const tell = (report: ThreadReport): void => parentPort?.postMessage(report)

onLog((record) => tell({ kind: 'log', record: { ...record, fields: JSON.parse(JSON.stringify(record.fields)) } }))

try {
  const engine = new EngineServer({ clock: systemClock, files: filesIn(folder), sync, onFailed: fail }, folder)
  const server = createServer((socket) => engine.serve(socket))
  // Bound under another name first: nobody can connect before it may, nor find a socket that nobody listens to yet.
  const newPath = join(dirname(socketPath), 'socket.new')
  // Left by an owner that was killed at this very place.
  rmSync(newPath, { force: true })
  server.listen({ path: newPath, exclusive: true }, () => {
    chmodSync(newPath, 0o600)
    renameSync(newPath, socketPath)
    tell({ kind: 'ready' })
    look(watchOwnerRecord(folder))
  })
  server.on('error', fail)
  parentPort?.once('message', () => {
    server.close()
    // What others run would else be run twice: a clean end is told to nobody who could not settle what he holds.
    void engine
      .drain(DRAIN_MS)
      .then(() => engine.stop())
      .then(() => process.exit(0), fail)
  })
} catch (error) {
  fail(error)
}

/** What is written to files that were removed is lost with the process, and whoever comes later begins another directory. */
function look(isThere: () => boolean): void {
  systemClock.after(
    LOOK_MS,
    () => {
      if (isThere()) return look(isThere)
      const problem = 'it was removed while it was in use'
      const fix = 'Stop all processes that use it before you remove it'
      fail(new LovageError('HOME_UNUSABLE', { path: folder, problem, fix }))
    },
    { unref: true },
  )
}

/** Nothing can be promised any more: the thread ends, and whoever comes next reads what is on the disk. */
function fail(error: unknown): void {
  const fix = 'See what is wrong with the disk or the directory, or point LOVAGE_HOME at another one'
  const { code, details } = isLovageError(error)
    ? error
    : new LovageError('HOME_UNUSABLE', { path: folder, problem: messageOf(error), fix })
  tell({ kind: 'failed', code, details })
  process.exit(1)
}
