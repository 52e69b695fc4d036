import { chmodSync, closeSync, existsSync, mkdirSync, openSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { LovageError, messageOf } from '../../../base/errors.ts'
import { sharedFileSystemOf } from './shared-file-systems.ts'

/** The longest path that a Unix socket can be bound to: 108 bytes on Linux and 104 elsewhere, with the zero at the end. */
const LONGEST_SOCKET_PATH = 100

/** The folder of one embedded broker. */
export interface Place {
  /** Journal, sockets and locks lie here. */
  readonly folder: string
  /** The same on every mount of the folder, and never that of another one while it is there. */
  readonly identity: string
  /** The kind of its file system, when that is one that other machines may have mounted too. */
  readonly sharedAs: string | undefined
  /** The path by which a socket of this name can be bound and connected to. */
  readonly socketPath: (name: string) => string
  /** Ends the use of it in this process. */
  readonly leave: () => void
}

/**
 * The folder `broker` in a data directory, made if it is not there, readable by this user alone.
 * @throws LovageError `HOME_UNUSABLE`
 */
export function openPlace(home: string): Place {
  const folder = join(home, 'broker')
  try {
    if (!existsSync(home)) {
      makeFolder(home)
      // What lies here is no part of anybody's project.
      writeFileSync(join(home, '.gitignore'), '*\n')
    }
    makeFolder(folder)
    if ((statSync(folder).mode & 0o077) !== 0) chmodSync(folder, 0o700)
    const identity = identityOf(statSync(folder, { bigint: true }))
    return { folder, identity, sharedAs: sharedFileSystemOf(folder), ...socketsOf(folder) }
  } catch (error) {
    if (error instanceof LovageError) throw error
    const fix = 'Point LOVAGE_HOME at a directory that this user may write to'
    throw new LovageError('HOME_UNUSABLE', { path: folder, problem: messageOf(error), fix }, { cause: error })
  }
}

/** False when the folder was removed, be it that there is another of the same name. */
export function isThere({ folder, identity }: Place): boolean {
  const now = statSync(folder, { bigint: true, throwIfNoEntry: false })
  return now !== undefined && identityOf(now) === identity
}

function identityOf({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string {
  return `${dev}-${ino}`
}

/** With those above it. Node's own way of it never ends where the system makes no folders, as below /proc. */
function makeFolder(path: string): void {
  if (existsSync(path)) return
  if (dirname(path) !== path) makeFolder(dirname(path))
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    // Another process of ours was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

function socketsOf(folder: string): Pick<Place, 'socketPath' | 'leave'> {
  if (Buffer.byteLength(join(folder, 'owner-0000000000')) <= LONGEST_SOCKET_PATH) {
    return { socketPath: (name) => join(folder, name), leave: () => {} }
  }
  if (process.platform !== 'linux') {
    const problem = `its path is longer than ${LONGEST_SOCKET_PATH} bytes, too long for a socket`
    throw new LovageError('HOME_UNUSABLE', { path: folder, problem, fix: 'Point LOVAGE_HOME at a shorter path' })
  }
  // A short way to the same folder, for as long as it is held open here.
  const fd = openSync(folder, 'r')
  return { socketPath: (name) => `/proc/self/fd/${fd}/${name}`, leave: () => closeSync(fd) }
}
