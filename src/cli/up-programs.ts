import { hostname } from 'node:os'
import { join } from 'node:path'
import type { ProcessConfig } from '../app/config.ts'
import type { ConfigSections } from '../supervisor/read-configuration.ts'
import type { UpHome } from './up-home.ts'

export interface UpOptions {
  /** The configuration file, absolute. */
  readonly file: string
  readonly processes: Readonly<Record<string, ProcessConfig>>
  readonly home: UpHome
  /** What stands before each subcommand: node, its options, our script. */
  readonly lovage: readonly string[]
  /** Further options of each process, `-l debug` say. */
  readonly more: readonly string[]
}

/** What a kind of process has beside its command. */
interface Program {
  /** Behind the name of the process. */
  readonly args: readonly string[]
  readonly keys: Readonly<Record<string, string | number>>
}

/** Its own patience with what runs is shorter; only then it is killed. */
const STOP_WAIT_S = 600
/** `drain` gives the queues back before its command is killed. */
const DRAIN_S = 540

/** The configuration of a supervisor that keeps all processes of `lovage.config.ts`. */
export function upSections({ file, processes, home, lovage, more }: UpOptions): ConfigSections {
  const { folder, socket } = home
  const sections: Record<string, Record<string, string | number | boolean>> = {
    supervisord: {
      ...{ nodaemon: true, identifier: 'lovage-up', childlogdir: plain(folder), user: process.getuid?.() ?? 0 },
      ...{ logfile: plain(join(folder, 'up.log')), pidfile: plain(join(folder, 'up.pid')) },
    },
    unix_http_server: { file: plain(socket), chmod: '0700' },
    supervisorctl: { serverurl: plain(`unix://${socket}`), prompt: 'lovage' },
  }
  for (const [name, config] of Object.entries(processes)) {
    const count = config.run === 'gateway' || config.run === 'dashboard' ? 1 : (config.count ?? 1)
    // Words of ours are literal, but for the number of the process.
    const process_name = count === 1 ? plain(name) : `${plain(name)}_%(process_num)d`
    const { args, keys } = programOf(config, { process_name, file, lovage })
    sections[`program:${name}`] = {
      command: [...words([...lovage, config.run, name, '--config', file, ...more]), ...args].join(' '),
      ...{ process_name, numprocs: count, autorestart: true, redirect_stderr: true },
      ...{ stdout_logfile: `${plain(folder)}/${process_name}.log`, stdout_logfile_maxbytes: '10MB' },
      ...{ stdout_logfile_backups: 2, ready: String.raw`log:lovage \d+\.\d+\.\d+`, ...keys },
    }
  }
  return sections
}

function programOf(
  { run }: ProcessConfig,
  { process_name, file, lovage }: { process_name: string; file: string; lovage: readonly string[] },
): Program {
  if (run !== 'worker') return { args: [], keys: { stopwaitsecs: 60 } }
  const node = `${process_name}@${plain(hostname())}`
  const drain = [...words([...lovage, 'drain', '--config', file]), '--timeout', `${DRAIN_S}s`, node].join(' ')
  const check = [...words([...lovage, 'drain', '--config', file]), '--check', node].join(' ')
  return {
    args: ['-n', node],
    keys: { stopwaitsecs: STOP_WAIT_S, drain, drainwaitsecs: DRAIN_S + 30, stop_guard: check },
  }
}

/** Each as one word of a command, with nothing in it that is expanded. */
const words = (given: readonly string[]): string[] =>
  given.map((word) => plain(/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`))

const plain = (text: string): string => text.replaceAll('%', '%%')
