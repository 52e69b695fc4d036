import { readFileSync, renameSync, statfsSync, unlinkSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { LovageError } from '../../../base/errors.ts'
import type { Place } from './place.ts'

/** File systems that several machines (or a machine and its host) can have mounted at a time: statfs(2), `f_type`. */
const SHARED = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0x65735546, 'FUSE'],
  [0x01021997, '9P'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x01161970, 'GFS2'],
  [0x0bd00bd0, 'Lustre'],
  [0x7461636f, 'OCFS2'],
  [0x786f4256, 'vboxsf'],
])

/** What an owner leaves of itself for other machines, which see none of its sockets. */
interface OwnerRecord {
  readonly pid: number
  readonly host: string
  /** Of the running kernel: every boot has another. */
  readonly boot: string
}

const NAME = 'owner.json'

/**
 * Refuses a place on a shared file system whose last owner ran under another kernel and did not say that it ended: it may
 * live, and nothing here can tell. On any other file system another kernel means that the machine was started again.
 * @throws LovageError `HOME_OWNED`
 */
export function refuseForeignOwner({ folder }: Place): void {
  const kind = SHARED.get(Number(statfsSync(folder).type) >>> 0)
  const record = kind === undefined ? undefined : readRecord(folder)
  if (!record || record.boot === bootId()) return
  const owner = `process ${record.pid} on ${record.host} (the directory is on ${kind})`
  throw new LovageError('HOME_OWNED', { path: folder, owner, record: join(folder, NAME) })
}

/** Says who owns the place; the returned function takes it back. */
export function leaveOwnerRecord({ folder }: Place): () => void {
  const record: OwnerRecord = { pid: process.pid, host: hostname(), boot: bootId() }
  const path = join(folder, NAME)
  writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 })
  renameSync(`${path}.new`, path)
  return () => {
    try {
      unlinkSync(path)
    } catch {
      // The directory is gone: so is what it said.
    }
  }
}

function readRecord(folder: string): OwnerRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, NAME), 'utf8')) as OwnerRecord
  } catch {
    return undefined
  }
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return hostname()
  }
}
