import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { LovageError } from '../base/errors.ts'
import { findAccount } from './accounts.ts'
import type { SupervisorConfig } from './configuration.ts'

/** What Node cannot do, or this machine lacks, is refused before anything is started. Throws SUPERVISOR_CANNOT. */
export function checkRunnable({ groups }: SupervisorConfig, path: string): void {
  const cannot = (what: string, problem: string, fix: string): LovageError =>
    new LovageError('SUPERVISOR_CANNOT', { what, problem, fix })
  for (const { kind, section, processes } of groups) {
    if (kind === 'fcgi-program') {
      throw cannot(
        `[${section}]`,
        'Node cannot hand a listening socket to a child as its stdin',
        'Let the program listen by itself, as a [program:x]',
      )
    }
    for (const { name, stdout, stderr } of processes) {
      if (stdout.syslog || stderr.syslog) {
        const fix = 'Log into a file, or pipe into logger(1) in the command'
        throw cannot(`${stdout.syslog ? 'stdout' : 'stderr'}_syslog of ${name}`, 'Node has no syslog', fix)
      }
    }
  }
  const needs = (program: string, packages: string, why: string): void => {
    if (!has(program, path)) throw cannot(why, `there is no ${program} on this machine`, `Install it (${packages})`)
  }
  if (groups.some(({ processes }) => processes.length > 0)) needs('mkfifo', 'coreutils', 'A supervisor')
  const own = process.getuid?.()
  if (own === 0 && groups.some(({ processes }) => processes.some(({ uid }) => uid !== null && uid !== own))) {
    needs('setpriv', 'util-linux', 'A program with user=')
  }
}

function has(program: string, path: string): boolean {
  return (
    spawnSync(program, ['--version'], { env: { PATH: path }, stdio: 'ignore', timeout: 10_000 }).error === undefined
  )
}

/** What supervisord would do and we do not, said at start so that nobody counts on it. */
export function limitsOf({ minfds, minprocs, user }: SupervisorConfig): string[] {
  const told: string[] = []
  if (process.pid === 1) {
    told.push(
      'running as PID 1: Node does not reap the orphans of other processes, which stay zombies; run under an init (docker run --init, tini)',
    )
  }
  const limits = hardLimits()
  const low = (option: string, wanted: number, has: number | undefined, how: string): void => {
    if (has === undefined || has >= wanted) return
    told.push(
      `${option}=${wanted} cannot be had: the limit is ${has}, and Node cannot raise it; set it outside (${how})`,
    )
  }
  low('minfds', minfds, limits.files, `ulimit -n ${minfds}, LimitNOFILE=${minfds}`)
  low('minprocs', minprocs, limits.processes, `ulimit -u ${minprocs}, TasksMax=${minprocs}`)
  if (user !== null && findAccount(user)?.uid !== process.getuid?.())
    told.push(`user=${user} has no effect: only root can become another user`)
  return told
}

/** The limits that this process has, and hands on; undefined: it has none, or the system does not tell. */
function hardLimits(): { files: number | undefined; processes: number | undefined } {
  let text = ''
  try {
    text = readFileSync('/proc/self/limits', 'utf8')
  } catch {
    // Only Linux tells it so.
  }
  const find = (name: string): number | undefined => {
    const found = new RegExp(`^${name} +(\\d+)`, 'm').exec(text)?.[1]
    return found === undefined ? undefined : Number(found)
  }
  return { files: find('Max open files'), processes: find('Max processes') }
}

/** What is unsafe in a configuration. */
export function hazardsOf({ servers, user }: SupervisorConfig): string[] {
  const hazards: string[] = []
  for (const server of servers) {
    const weak = weakness(server.username, server.password)
    if (server.kind === 'unix') {
      const mode = server.chmod.toString(8).padStart(4, '0')
      if ((server.chmod & 0o002) !== 0) {
        hazards.push(
          `[${server.section}] chmod=${mode} lets every user of this machine ${weak === undefined ? 'try passwords' : `control all programs (${weak})`}: set chmod=0700, or 0770 with chown=`,
        )
      }
    } else if (!isLoopback(server.host)) {
      const where = server.host === '' ? 'all addresses' : server.host
      const what =
        weak === undefined
          ? 'passwords cross the network readable'
          : `whoever reaches it controls all programs (${weak})`
      hazards.push(`[${server.section}] listens on ${where}: ${what}; listen on 127.0.0.1, behind a server with TLS`)
    }
  }
  if (process.getuid?.() === 0 && user === null) {
    hazards.push(
      'Supervisor is running as root. Privileges were not dropped because no user is specified in the config file: programs without user= run as root too',
    )
  }
  return hazards
}

const isLoopback = (host: string): boolean => /^(localhost|127\..*|::1)$/.test(host)

const COMMON = new Set([
  'admin',
  'root',
  'password',
  'passwd',
  'secret',
  'user',
  'supervisor',
  'test',
  'changeme',
  '123',
])

function weakness(username: string | null, password: string | null): string | undefined {
  if (password === null) return 'no password'
  if (password.startsWith('{SHA}')) return undefined
  if (password === username) return 'the password is the user name'
  if (COMMON.has(password.toLowerCase())) return 'the password is a common one'
  return password.length < 8 ? 'the password is short' : undefined
}
