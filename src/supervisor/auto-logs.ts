import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../base/errors.ts'
import type { SupervisorConfig } from './configuration.ts'
import type { MainLog } from './main-log.ts'

/** Removes the log files of our own choice that an earlier run has left. */
export async function clearAutoLogs(
  { nocleanup, childlogdir, identifier }: SupervisorConfig,
  log: MainLog,
): Promise<void> {
  if (nocleanup) return
  const mark = new RegExp(`-(stdout|stderr)---${identifier.replace(/[^\w-]/g, '\\$&')}-[^/-]+\\.log(\\.\\d+)?$`)
  try {
    const names = (await readdir(childlogdir)).filter((name) => mark.test(name))
    await Promise.all(names.map((name) => rm(join(childlogdir, name), { force: true })))
  } catch (error) {
    log.write('warn', `Could not clear childlog dir: ${messageOf(error)}`)
  }
}
