import { Command, CommanderError } from 'commander'
import { addCommonOptions } from './command-options.ts'
import { complaintLines, complaintOf } from './complaint.ts'
import { EXIT, leave } from './exit.ts'
import { paintFor } from './paint.ts'
import { version } from '../base/version.ts'

/** What a module of a command exports. */
export interface CommandModule {
  /** The command with its options and its action. */
  readonly command: () => Command
}

interface Entry {
  readonly summary: string
  readonly load: () => Promise<CommandModule>
}

/** Every command. A module is loaded only when its command is the one that was asked for. */
const COMMANDS: Readonly<Record<string, Entry>> = {
  dev: { summary: 'run all of it in one process, and again on each change', load: () => import('./dev.ts') },
  up: { summary: 'keep every process of the configuration alive', load: () => import('./up.ts') },
  worker: { summary: 'run tasks from queues', load: () => import('./worker.ts') },
  gateway: { summary: 'answer HTTP requests with the results of tasks', load: () => import('./gateway.ts') },
  dashboard: { summary: 'show the fleet as web pages', load: () => import('./dashboard.ts') },
  supervise: { summary: 'keep programs alive, as supervisord does', load: () => import('./supervise.ts') },
  ctl: { summary: 'steer a supervisor, as supervisorctl does', load: () => import('./ctl.ts') },
  beat: { summary: 'send tasks on time; see, pause and run what is scheduled', load: () => import('./beat.ts') },
  call: { summary: 'send one task and print its result', load: () => import('./call.ts') },
  result: { summary: 'print the result of a task that was sent before', load: () => import('./result.ts') },
  why: { summary: 'say why a task is not running, or what became of it', load: () => import('./why.ts') },
  events: { summary: 'show what happens in the fleet, as it happens', load: () => import('./events.ts') },
  queues: { summary: 'show what waits, and who reads it', load: () => import('./queues.ts') },
  purge: { summary: 'drop all that waits in a queue', load: () => import('./purge.ts') },
  status: { summary: 'show which workers are there', load: () => import('./status.ts') },
  inspect: { summary: 'ask workers what they do', load: () => import('./inspect.ts') },
  control: { summary: 'tell workers what to do', load: () => import('./control.ts') },
  drain: { summary: 'have workers finish what they have in hand', load: () => import('./drain.ts') },
  dead: { summary: 'list, show, requeue or drop dead letters', load: () => import('./dead.ts') },
  migrate: { summary: 'print the settings of a celeryconfig.py as ours', load: () => import('./migrate.ts') },
  doctor: { summary: 'check what is configured, reachable and wrong', load: () => import('./doctor.ts') },
}

const EPILOGUE = `
Examples:
  $ lovage dev                                   everything of lovage.config.ts, in this terminal
  $ lovage worker -A tasks.ts -Q celery,images -c 50
  $ lovage call shop.add 2 3
  $ lovage doctor

The broker is the one of the settings, or of LOVAGE_BROKER_URL. Exit codes: 0 done, 1 failed, 2 wrong command line,
3 the task failed, 4 no result yet, 69 no worker answered.`

/** Runs the command line `args` (without node and script) and ends the process. */
export async function main(args: readonly string[]): Promise<never> {
  const debug = args.includes('--debug')
  for (const stream of [process.stdout, process.stderr]) stream.on('error', unlessGone)
  try {
    const program = await programFor(args)
    if (args.length === 0) args = ['--help']
    await program.parseAsync([...args], { from: 'user' })
    return await leave(Number(process.exitCode ?? EXIT.done))
  } catch (error) {
    // Commander has written its message, or the help, already.
    if (error instanceof CommanderError) return await leave(error.exitCode === 0 ? EXIT.done : EXIT.usage)
    const paint = paintFor(process.stderr)
    process.stderr.write(`${complaintLines(complaintOf(error), paint, { debug }).join('\n')}\n`)
    return await leave(EXIT.failed)
  }
}

/** Whoever reads our output may stop (`lovage queues | head -1`); that is no error of ours. */
function unlessGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
}

async function programFor(args: readonly string[]): Promise<Command> {
  const program = addCommonOptions(new Command('lovage'))
    .description("Distributed tasks for TypeScript that speak Celery's wire")
    .version(version(), '-V, --version', 'print the version')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', EPILOGUE)
  const wanted = new Set(args)
  for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
    const command = wanted.has(name) ? (await load()).command() : new Command(name)
    program.addCommand(command.summary(summary))
  }
  settle(program)
  return program
}

/** The same manners for every command and subcommand. */
function settle(command: Command): void {
  command.exitOverride().configureOutput({ outputError: (text, write) => write(usageLines(text, command)) })
  command.showSuggestionAfterError(true)
  for (const child of command.commands) settle(child)
}

function usageLines(text: string, command: Command): string {
  const paint = paintFor(process.stderr)
  const [first = '', ...rest] = text.trim().split('\n')
  const names: string[] = []
  for (let at: Command | null = command; at; at = at.parent) names.unshift(at.name())
  const said = first.replace(/^error: /, '')
  const more = rest.map((line) => line.trim().replace(/^\((.*)\)$/, '$1')).filter((line) => line !== '')
  const next = `${more.join(' ')}${more.length > 0 ? ' ' : ''}See: ${names.join(' ')} --help`
  return `${paint('red', '✗')} ${paint('bold', said)}\n  ${paint('dim', 'next:')} ${next}\n`
}
