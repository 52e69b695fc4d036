import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { closeSync, existsSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { findAccount } from './accounts.ts'
import type { Command } from './command.ts'
import type { ProcessConfig } from './configuration.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** What a process is given beside its command. */
export interface Launch {
  readonly config: ProcessConfig
  readonly command: Command
  readonly env: Environment
  /** PATH of the supervisor. */
  readonly path: string
  /** The ends of the pipes that it writes to; undefined: what it writes is dropped. */
  readonly stdout: number | undefined
  readonly stderr: number | undefined
}

/** Its variables: ours, then those that tell it of its supervisor, then its own. */
export function childEnvironment(
  env: Environment,
  { name, environment }: ProcessConfig,
  group: string,
  serverurl: string | null,
): Environment {
  return {
    ...env,
    SUPERVISOR_ENABLED: '1',
    ...(serverurl === null ? {} : { SUPERVISOR_SERVER_URL: serverurl }),
    SUPERVISOR_PROCESS_NAME: name,
    SUPERVISOR_GROUP_NAME: group,
    ...environment,
  }
}

/**
 * Starts a process in a session and process group of its own. A process without a pid could not be started: its `error`
 * event tells why. The ends of the pipes are the child's from then on.
 */
export function launch({ stdout, stderr, ...launched }: Launch): ChildProcess {
  try {
    return launchWith(launched, ['pipe', stdout ?? 'ignore', stderr ?? 'ignore'])
  } finally {
    for (const fd of new Set([stdout, stderr])) if (fd !== undefined) closeSync(fd)
  }
}

/** As {@link launch}, with streams of one's own. */
export function launchWith(
  { config, command, env, path }: Omit<Launch, 'stdout' | 'stderr'>,
  stdio: NonNullable<SpawnOptions['stdio']>,
): ChildProcess {
  const { file, args, argv0, later } = wrapped(config, command, path)
  return spawn(file, args, {
    argv0,
    env: Object.fromEntries(
      Object.entries(env).map(([name, value]) => [later.includes(name) ? LATER + name : name, value]),
    ),
    cwd: config.directory || undefined,
    detached: true,
    stdio,
  })
}

/** Variables that act on whatever is executed: as root they would load what the user of the program may write. */
const LOADED = /^(?:LD_\w+|GLIBC_TUNABLES|GCONV_PATH|LOCPATH|NLSPATH|MALLOC_\w+)$/

/** Such a variable is called so until root is given up. */
const LATER = 'LOVAGE_LATER_'

/** Node has no umask for a child, and drops its supplementary groups with its user: both are left to programs that exec. */
function wrapped(
  { umask, uid, environment }: ProcessConfig,
  { file, argv }: Command,
  path: string,
): { file: string; args: string[]; argv0?: string; later: readonly string[] } {
  const [argv0, ...args] = argv
  const isOther = uid !== null && uid !== process.getuid?.()
  const later = isOther ? Object.keys(environment).filter((name) => LOADED.test(name)) : []
  const steps = later.map((name) => `export ${name}="$${LATER}${name}" && unset ${LATER}${name}`)
  if (umask !== null) steps.unshift(`umask ${umask.toString(8)}`)
  let words = [file, ...args]
  if (steps.length > 0) words = ['/bin/sh', '-c', `${steps.join(' && ')} && exec "$0" "$@"`, ...words]
  if (isOther) {
    const gid = findAccount(uid)?.gid ?? uid
    words = [ownProgram('setpriv', path), `--reuid=${uid}`, `--regid=${gid}`, '--init-groups', '--', ...words]
  }
  const [first = file, ...rest] = words
  return first === file ? { file, args, argv0, later } : { file: first, args: rest, later }
}

/** Where we find it: root must not take it from the PATH of a program, which leads where others may write. */
function ownProgram(name: string, path: string): string {
  const files = path.split(':').flatMap((folder) => (isAbsolute(folder) ? [join(folder, name)] : []))
  const file = files.find((each) => existsSync(each))
  if (file === undefined) throw new Error(`there is no ${name} on this machine`)
  return file
}

/** Why a process of that user cannot be started by us; undefined: it can. */
export function cannotBecome(uid: number | null): string | undefined {
  const own = process.getuid?.()
  return uid === null || own === uid || own === 0
    ? undefined
    : `couldn't setuid to ${uid}: Can't drop privilege as nonroot user`
}
