import { existsSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { Option, type Command } from 'commander'
import type { ControlConfig } from '../supervisor/configuration.ts'
import { runLine, VERBS } from '../supervisor/ctl-verbs.ts'
import { VIEWS, type ViewBy } from '../supervisor/host-views.ts'
import { readControlConfiguration } from '../supervisor/read-configuration.ts'
import { names, newCommand, wait } from './command-options.ts'
import { ConsoleSession } from './ctl-console.ts'
import { findConfiguration, PLACES } from './find-configuration.ts'
import { upHome } from './up-home.ts'

const HOSTS_TIMEOUT_MS = 5_000

/** supervisorctl's options; each wins over `[supervisorctl]`. */
interface CtlOptions {
  readonly configuration?: string
  readonly serverurl?: string
  readonly username?: string
  readonly password?: string
  readonly interactive?: boolean
  readonly hosts?: string
  readonly tag?: readonly string[]
  readonly by?: ViewBy
  readonly json?: boolean
  readonly timeout?: number
}

export function command(): Command {
  const description = `Steers a supervisor, ours or supervisord, with the verbs of supervisorctl and its exit codes; without
one it has a prompt. Verbs: ${Object.keys(VERBS)
    .filter((name) => name !== '?')
    .join(', ')}.`
  return newCommand('ctl', description.replace('\n', ' '), [
    'lovage ctl status',
    'lovage ctl restart web:* mail',
    'lovage ctl -s unix:///run/supervisor.sock tail -f web',
    'lovage ctl --hosts hosts.yaml --by group status',
    "lovage ctl --hosts hosts.yaml --tag eu restart 'web*:mail:*'",
  ])
    .addOption(new Option('-c, --configuration <file>', `configuration (default: the first of ${PLACES.join(', ')})`))
    .addOption(new Option('-s, --serverurl <url>', 'http://host:port or unix:///path of the supervisor'))
    .addOption(new Option('-u, --username <name>', 'who asks'))
    .addOption(new Option('-p, --password <word>', 'the password'))
    .addOption(new Option('-i, --interactive', 'have a prompt after the verb too'))
    .addOption(
      new Option('--hosts <file>', 'a file of hosts, or lovage.config.ts: the verb is done on all of them').conflicts([
        ...['configuration', 'serverurl', 'username', 'password'],
      ]),
    )
    .addOption(new Option('--tag <tag>', 'with --hosts: those with one of these tags (repeat or a,b)').argParser(names))
    .addOption(new Option('--by <what>', 'with --hosts: status by host, group or state (default: host)').choices(VIEWS))
    .addOption(new Option('--json', 'with --hosts: as JSON'))
    .addOption(
      new Option(
        '--timeout <time>',
        'with --hosts: wait for an answer, such as 5s; start and stop have 10 min',
      ).argParser(wait),
    )
    .argument('[verb...]', 'what to do, with what it takes')
    .allowUnknownOption()
    .action((words: string[], options: CtlOptions, self: Command) => run(words, options, self))
}

async function run(words: readonly string[], options: CtlOptions, self: Command): Promise<void> {
  const { hosts, tag, by, json, timeout } = options
  if (hosts !== undefined) {
    // The parser of the file is loaded for those alone who have one.
    const { runOnHosts } = await import('./ctl-hosts.ts')
    const given = {
      hosts,
      by: by ?? 'host',
      timeout: timeout ?? HOSTS_TIMEOUT_MS,
      ...(json && { json }),
      ...(options.interactive && { interactive: true }),
    }
    process.exitCode = await runOnHosts(words, { ...given, ...(tag && { tag }) })
    return
  }
  const stray = Object.entries({ tag, by, json, timeout }).find(([, value]) => value !== undefined)
  if (stray) self.error(`error: option '--${stray[0]}' needs --hosts <file>`)
  const control = controlOf(options)
  const isInteractive = options.interactive === true || words.length === 0
  const session = new ConsoleSession({
    ...{ url: options.serverurl ?? control.serverurl, isInteractive, prompt: control.prompt },
    username: options.username ?? control.username,
    password: options.password ?? control.password,
  })
  if (words.length > 0) await runLine(session, words)
  if (isInteractive) await session.converse((line) => runLine(session, line))
  process.exitCode = isInteractive ? 0 : session.exitCode
}

/** Without a file, as with `-s` alone, it is what supervisorctl has by default. */
function controlOf({ configuration, serverurl }: CtlOptions): ControlConfig {
  const read = (file: string): ControlConfig =>
    readControlConfiguration(file, { env: process.env, host: hostname(), temporary: tmpdir() })
  if (configuration !== undefined) return read(configuration)
  const { socket } = upHome()
  if (serverurl === undefined && existsSync(socket)) {
    return { serverurl: `unix://${socket}`, username: null, password: null, prompt: 'lovage' }
  }
  try {
    return read(findConfiguration())
  } catch (error) {
    if (serverurl === undefined) throw error
    return { serverurl, username: null, password: null, prompt: 'supervisor' }
  }
}
