import { hostname, tmpdir } from 'node:os'
import { Option, type Command } from 'commander'
import type { ControlConfig } from '../supervisor/configuration.ts'
import { runLine, VERBS } from '../supervisor/ctl-verbs.ts'
import { readControlConfiguration } from '../supervisor/read-configuration.ts'
import { newCommand } from './command-options.ts'
import { ConsoleSession } from './ctl-console.ts'
import { findConfiguration, PLACES } from './find-configuration.ts'

/** supervisorctl's options; each wins over `[supervisorctl]`. */
interface CtlOptions {
  readonly configuration?: string
  readonly serverurl?: string
  readonly username?: string
  readonly password?: string
  readonly interactive?: boolean
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
  ])
    .addOption(new Option('-c, --configuration <file>', `configuration (default: the first of ${PLACES.join(', ')})`))
    .addOption(new Option('-s, --serverurl <url>', 'http://host:port or unix:///path of the supervisor'))
    .addOption(new Option('-u, --username <name>', 'who asks'))
    .addOption(new Option('-p, --password <word>', 'the password'))
    .addOption(new Option('-i, --interactive', 'have a prompt after the verb too'))
    .argument('[verb...]', 'what to do, with what it takes')
    .allowUnknownOption()
    .action((words: string[], options: CtlOptions) => run(words, options))
}

async function run(words: readonly string[], options: CtlOptions): Promise<void> {
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
  try {
    return read(findConfiguration())
  } catch (error) {
    if (serverurl === undefined) throw error
    return { serverurl, username: null, password: null, prompt: 'supervisor' }
  }
}
