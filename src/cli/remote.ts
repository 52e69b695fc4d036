import { Argument, InvalidArgumentError, Option, type Command } from 'commander'
import type { NodeReply } from '../app/control.ts'
import { assertBroker } from '../app/capabilities.ts'
import { addCommonOptions, type CommonOptions, names, newCommand, optionsOf, wait } from './command-options.ts'
import { EXIT } from './exit.ts'
import { writeLog } from './log-lines.ts'
import { paintFor } from './paint.ts'
import { argumentsOf, type RemoteCommand } from './remote-commands.ts'
import { jsonOf, linesOf } from './reply-lines.ts'
import { loadTargetOrBroker } from './target.ts'

/** What `inspect`, `control` and `status` are told. */
export interface RemoteOptions extends CommonOptions {
  /** Milliseconds. */
  readonly timeout: number
  readonly destination?: readonly string[]
  readonly json?: boolean
  readonly quiet?: boolean
}

/** How the answers are shown. */
interface Showing {
  /** What each worker answered. */
  readonly showReply: boolean
  /** How many answered, at the end. */
  readonly count: boolean
}

/** Celery's options of remote control. */
export function addRemoteOptions(command: Command): Command {
  return addCommonOptions(command)
    .addOption(
      new Option('-t, --timeout <time>', 'end when nobody has answered for so long')
        .default(1_000, '1s')
        .argParser(wait),
    )
    .addOption(new Option('-d, --destination <names>', 'only these workers, with commas between').argParser(names))
    .addOption(new Option('-j, --json', 'the answers as one JSON object'))
    .addOption(new Option('-q, --quiet', 'only what was answered'))
}

/** A command of which each subject has arguments of its own. */
export function remoteCommand(
  name: string,
  description: string,
  examples: readonly string[],
  table: Readonly<Record<string, RemoteCommand>>,
  count: boolean,
): Command {
  const lines = Object.entries(table).map(
    ([word, { usage, summary }]) => `  ${`${word} ${usage}`.padEnd(50)} ${summary}`,
  )
  const made = addRemoteOptions(newCommand(name, description, examples))
    .addArgument(new Argument('<command>', 'what is asked, see below').choices(Object.keys(table)))
    .argument('[args...]', 'its arguments')
    .addHelpText('after', `\nCommands:\n${lines.join('\n')}`)
  return made.action((word: string, args: string[], _options, self: Command) => {
    let given: Record<string, unknown>
    try {
      given = argumentsOf(table[word] as RemoteCommand, args)
    } catch (error) {
      if (error instanceof InvalidArgumentError) self.error(`error: ${word}: ${error.message}`)
      throw error
    }
    return ask(`lovage ${name}`, word, given, optionsOf<RemoteOptions>(self), { showReply: true, count })
  })
}

/** Asks, shows what is answered, and sets the exit code. */
export async function ask(
  who: string,
  command: string,
  given: Record<string, unknown>,
  options: RemoteOptions,
  showing: Showing,
): Promise<void> {
  const { timeout, destination, json = false, quiet = false } = options
  const { app } = await loadTargetOrBroker(options)
  assertBroker('processes', app.settings, who, '`lovage dev` shows what runs')
  const endLog = await writeLog({ loglevel: 'warn', logFormat: 'text' })
  const paint = paintFor(process.stdout)
  const show = (reply: NodeReply): void => {
    if (!json) process.stdout.write(`${linesOf(reply, paint, { ...showing, quiet }).join('\n')}\n`)
  }
  try {
    const replies = await app.control.broadcast(command, {
      arguments: given,
      reply: true,
      timeout,
      onReply: show,
      ...(destination && { destination }),
    })
    if (replies.length === 0) return nobody()
    const byNode = Object.fromEntries(replies.map(({ hostname, value }) => [hostname, value]))
    if (json) return void process.stdout.write(`${jsonOf(byNode)}\n`)
    const nodes = Object.keys(byNode).length
    if (showing.count && !quiet) process.stdout.write(`\n${nodes} ${nodes === 1 ? 'node' : 'nodes'} online.\n`)
  } finally {
    endLog()
    await app.close()
  }
}

/** As Celery says it, with Celery's exit code. */
function nobody(): void {
  const paint = paintFor(process.stderr)
  const next = 'check that workers run on this broker (lovage queues shows who reads), or wait longer with -t'
  process.stderr.write(
    `${paint('red', '✗')} ${paint('bold', 'No nodes replied within time constraint')}\n  ${paint('dim', 'next:')} ${next}\n`,
  )
  process.exitCode = EXIT.nobody
}
