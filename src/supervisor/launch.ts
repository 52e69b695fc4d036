import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync } from 'node:fs'
import { findAccount } from './accounts.ts'
import type { Command } from './command.ts'
import type { ProcessConfig } from './configuration.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** What a process is given beside its command. */
export interface Launch {
  readonly config: ProcessConfig
  readonly command: Command
  readonly env: Environment
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
export function launch({ config, command, env, stdout, stderr }: Launch): ChildProcess {
  const { file, args, argv0 } = wrapped(config, command)
  try {
    return spawn(file, args, {
      argv0,
      env: env as NodeJS.ProcessEnv,
      cwd: config.directory || undefined,
      detached: true,
      stdio: ['pipe', stdout ?? 'ignore', stderr ?? 'ignore'],
    })
  } finally {
    for (const fd of new Set([stdout, stderr])) if (fd !== undefined) closeSync(fd)
  }
}

/** Node has no umask for a child, and drops its supplementary groups with its user: both are left to programs that exec. */
function wrapped(
  { umask, uid }: ProcessConfig,
  { file, argv }: Command,
): { file: string; args: string[]; argv0?: string } {
  const [argv0, ...args] = argv
  let words = [file, ...args]
  if (umask !== null) words = ['/bin/sh', '-c', `umask ${umask.toString(8)} && exec "$0" "$@"`, ...words]
  if (uid !== null && uid !== process.getuid?.()) {
    const gid = findAccount(uid)?.gid ?? uid
    words = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--init-groups', '--', ...words]
  }
  const [first = file, ...rest] = words
  return first === file ? { file, args, argv0 } : { file: first, args: rest }
}

/** Why a process of that user cannot be started by us; undefined: it can. */
export function cannotBecome(uid: number | null): string | undefined {
  const own = process.getuid?.()
  return uid === null || own === uid || own === 0
    ? undefined
    : `couldn't setuid to ${uid}: Can't drop privilege as nonroot user`
}
