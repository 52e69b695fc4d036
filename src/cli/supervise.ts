import { spawn } from 'node:child_process'
import { Option, type Command } from 'commander'
import { LovageError } from '../base/errors.ts'
import type { SupervisorConfig } from '../supervisor/configuration.ts'
import {
  readByteSize,
  readDirectory,
  readFilePath,
  readInteger,
  readLogLevel,
  readOctal,
} from '../supervisor/values.ts'
import { complaintLines, type Complaint } from './complaint.ts'
import { newCommand } from './command-options.ts'
import { EXIT } from './exit.ts'
import { findConfiguration, PLACES } from './find-configuration.ts'
import { paintFor } from './paint.ts'
import { readHere, runSupervisor } from './run-supervisor.ts'

/** supervisord's options; each wins over the configuration. */
interface SuperviseOptions {
  readonly configuration?: string
  readonly nodaemon?: boolean
  readonly silent?: boolean
  readonly user?: string
  readonly umask?: string
  readonly directory?: string
  readonly logfile?: string
  readonly logfile_maxbytes?: string
  readonly logfile_backups?: string
  readonly loglevel?: string
  readonly pidfile?: string
  readonly identifier?: string
  readonly childlogdir?: string
  readonly nocleanup?: boolean
  readonly minfds?: string
  readonly minprocs?: string
  readonly strip_ansi?: boolean
  /** This is the process in the background. */
  readonly daemonized?: boolean
}

export function command(): Command {
  const description = `Keeps programs alive, as supervisord does, by the same configuration. SIGTERM, SIGINT and SIGQUIT stop
all and end, SIGHUP stops all and starts with the configuration as it is then, SIGUSR2 opens the logs again.`
  return newCommand('supervise', description.replace('\n', ' '), [
    'lovage supervise -n -c supervisord.conf     in this terminal',
    'lovage supervise -c /etc/supervisord.conf   in the background, with a pid file',
  ])
    .addOption(new Option('-c, --configuration <file>', `configuration (default: the first of ${PLACES.join(', ')})`))
    .addOption(new Option('-n, --nodaemon', 'run in the foreground'))
    .addOption(new Option('-s, --silent', 'no log on stdout in the foreground'))
    .addOption(new Option('-u, --user <user>', 'run as this user; only root can'))
    .addOption(new Option('-m, --umask <mask>', 'umask in the background, octal'))
    .addOption(new Option('-d, --directory <folder>', 'directory in the background'))
    .addOption(new Option('-l, --logfile <file>', 'log of the supervisor itself'))
    .addOption(new Option('-y, --logfile_maxbytes <size>', 'size at which it is rotated'))
    .addOption(new Option('-z, --logfile_backups <number>', 'how many of it are kept'))
    .addOption(new Option('-e, --loglevel <level>', 'critical, error, warn, info, debug, trace or blather'))
    .addOption(new Option('-j, --pidfile <file>', 'where its pid is written'))
    .addOption(new Option('-i, --identifier <name>', 'its name'))
    .addOption(new Option('-q, --childlogdir <folder>', 'where logs of programs go that name none'))
    .addOption(new Option('-k, --nocleanup', 'keep such logs of an earlier run'))
    .addOption(new Option('-a, --minfds <number>', 'file descriptors that it needs'))
    .addOption(new Option('--minprocs <number>', 'processes that it needs'))
    .addOption(new Option('-t, --strip_ansi', 'take colours out of the logs of programs'))
    .addOption(new Option('--daemonized').hideHelp())
    .action((options: SuperviseOptions) => run(options))
}

async function run(options: SuperviseOptions): Promise<void> {
  const file = options.configuration ?? findConfiguration()
  const given = givenBy(options)
  const read = (): SupervisorConfig => readHere(file, given)
  const config = read()
  if (options.daemonized) return runSupervisor({ read, mode: 'daemon' })
  if (config.nodaemon) return runSupervisor({ read, mode: config.silent ? 'silent' : 'foreground' })
  process.exitCode = await daemonize()
}

/** What the command line says of the configuration, read as there. */
function givenBy(options: SuperviseOptions): Partial<SupervisorConfig> {
  const home = { home: process.env['HOME'] ?? '~' }
  const read = <T>(option: keyof SuperviseOptions, how: (text: string, at: typeof home) => T): T | undefined => {
    const text = options[option]
    if (typeof text !== 'string') return undefined
    try {
      return how(text, home)
    } catch (error) {
      const problem = (error as Error).message
      throw new LovageError('OPTION_INVALID', {
        option: `--${option}`,
        where: 'lovage supervise',
        problem,
        fix: 'Correct it',
      })
    }
  }
  const same = (text: string): string => text
  const given: Partial<Record<keyof SupervisorConfig, unknown>> = {
    nodaemon: options.nodaemon,
    silent: options.silent,
    nocleanup: options.nocleanup,
    stripAnsi: options.strip_ansi,
    user: read('user', same),
    umask: read('umask', readOctal),
    directory: read('directory', readDirectory),
    logfile: read('logfile', (text, at) => (/^(none|off)$/i.test(text) ? null : readFilePath(text, at))),
    logfileMaxbytes: read('logfile_maxbytes', readByteSize),
    logfileBackups: read('logfile_backups', readInteger),
    loglevel: read('loglevel', readLogLevel),
    pidfile: read('pidfile', readFilePath),
    identifier: read('identifier', same),
    childlogdir: read('childlogdir', readDirectory),
    minfds: read('minfds', readInteger),
    minprocs: read('minprocs', readInteger),
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

/** Starts this command again in the background and waits until it runs, or tells why it does not. */
async function daemonize(): Promise<number> {
  const [script = '', ...args] = process.argv.slice(1)
  const child = spawn(process.execPath, [...process.execArgv, script, ...args, '--daemonized'], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code ?? EXIT.failed))
    child.once('error', () => resolve(EXIT.failed))
    child.on('message', (message: { started: true } | { complaint: Complaint }) => {
      if ('complaint' in message) {
        process.stderr.write(`${complaintLines(message.complaint, paintFor(process.stderr)).join('\n')}\n`)
        return resolve(EXIT.failed)
      }
      child.removeAllListeners()
      child.disconnect()
      child.unref()
      resolve(EXIT.done)
    })
  })
}
