import { Command, InvalidArgumentError, Option } from 'commander'
import type { LogLevel } from '../base/log.ts'
import { milliseconds, type Duration } from '../base/duration.ts'
import { messageOf } from '../base/errors.ts'

/** Celery's words for levels, and ours. */
const LEVELS: Readonly<Record<string, LogLevel>> = {
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  critical: 'error',
  fatal: 'error',
}

/** Options that every command takes, before its name too, as Celery's `-A` may stand. */
export interface CommonOptions {
  /** Module that exports the app, `tasks.ts` or `tasks.ts:app`. */
  readonly app?: string
  /** Path of the configuration file. */
  readonly config?: string
  readonly debug?: boolean
}

/** Options of the commands that run until they are stopped. */
export interface ServiceOptions extends CommonOptions {
  readonly loglevel: LogLevel
  readonly logFormat: 'text' | 'json'
}

export function addCommonOptions(command: Command): Command {
  return command
    .addOption(new Option('-A, --app <module>', 'module that exports app, e.g. tasks.ts or tasks.ts:app'))
    .addOption(new Option('--config <file>', 'configuration (default: the nearest lovage.config.ts)').conflicts('app'))
    .addOption(new Option('--debug', 'show stack traces of errors'))
}

export function addServiceOptions(command: Command): Command {
  return addCommonOptions(command)
    .addOption(
      new Option('-l, --loglevel <level>', 'debug, info, warning or error').default('info').argParser(logLevel),
    )
    .addOption(
      new Option('--log-format <format>', 'lines for people, or one JSON object a line')
        .choices(['text', 'json'])
        .default('text'),
    )
}

/** A command with the usual options; `examples` stand under its help. */
export function newCommand(name: string, description: string, examples: readonly string[]): Command {
  const text = examples.map((example) => `  $ ${example}`).join('\n')
  return new Command(name).description(description).addHelpText('after', `\nExamples:\n${text}`)
}

/** The options of a command, those given before its name included. */
export function optionsOf<T extends CommonOptions>(command: Command): T {
  return command.optsWithGlobals()
}

export function logLevel(text: string): LogLevel {
  const level = LEVELS[text.toLowerCase()]
  if (!level) throw new InvalidArgumentError(`It must be one of: ${Object.keys(LEVELS).join(', ')}.`)
  return level
}

export function portNumber(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535)
    throw new InvalidArgumentError('It must be a number from 0 (any free one) to 65535.')
  return port
}

export function positive(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < 1 || !Number.isSafeInteger(value))
    throw new InvalidArgumentError('It must be a whole number from 1.')
  return value
}

export function count(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError('It must be a whole number.')
  return value
}

/** `10s`, `500ms`, or a bare number of seconds, as Celery's command line takes them. */
export function wait(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1_000
  try {
    return milliseconds(text as Duration)
  } catch (error) {
    throw new InvalidArgumentError(`${messageOf(error)}. Write 10s, 500ms, 5m, or a number of seconds.`)
  }
}

/** `a,b` or a repeated option. */
export function names(text: string, before: readonly string[] = []): string[] {
  const list = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  if (list.length === 0) throw new InvalidArgumentError('It must name at least one.')
  return [...before, ...list]
}
