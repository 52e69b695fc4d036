import { readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { LovageError } from '../../../base/errors.ts'
import { link } from './link.ts'
import type { Place } from './place.ts'

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
export function refuseForeignOwner({ folder, sharedAs }: Place): void {
  const record = sharedAs === undefined ? undefined : readRecord(folder)
  if (!record || record.boot === bootId()) return
  const owner = `process ${record.pid} on ${record.host} (the directory is on ${sharedAs})`
  throw new LovageError('HOME_OWNED', { path: folder, owner, record: join(folder, NAME) })
}

/**
 * Says who owns the place; the returned function takes it back. Of two machines that come at the same time one does it:
 * a name is linked once.
 * @throws LovageError `HOME_OWNED`
 */
export function leaveOwnerRecord(place: Place): () => void {
  const record: OwnerRecord = { pid: process.pid, host: hostname(), boot: bootId() }
  const path = join(place.folder, NAME)
  const written = `${path}.${process.pid}.${record.boot.slice(0, 8)}`
  writeFileSync(written, JSON.stringify(record), { mode: 0o600 })
  try {
    while (!link(written, path)) {
      refuseForeignOwner(place)
      // Left by an owner of this machine, which is dead: its claim is ours.
      remove(path)
    }
  } finally {
    remove(written)
  }
  const isOwn = watchOwnerRecord(place.folder)
  return () => {
    // Where the directory was removed and begun again it is another's.
    if (isOwn()) remove(path)
  }
}

/**
 * What is told from time to time: whether the record is still the one that is there now. It goes, or becomes another's,
 * when somebody removes the directory under a living owner, whose files then have no names any more.
 */
export function watchOwnerRecord(folder: string): () => boolean {
  const path = join(folder, NAME)
  const own = readFileSync(path, 'utf8')
  return () => {
    try {
      return readFileSync(path, 'utf8') === own
    } catch (error) {
      // Whatever else it is, it does not say that the record is gone.
      return !['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')
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

function remove(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // It is not there, or the directory is gone, and what it said with it.
  }
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return hostname()
  }
}
