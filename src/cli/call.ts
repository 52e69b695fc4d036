import { Option, InvalidArgumentError, type Command } from 'commander'
import { assertShared } from '../app/capabilities.ts'
import type { AsyncResult } from '../app/async-result.ts'
import { isLovageError } from '../base/errors.ts'
import { redactUrl } from '../base/redact.ts'
import { decodeJson } from '../protocol/json.ts'
import { addCommonOptions, newCommand, optionsOf, wait, type CommonOptions } from './command-options.ts'
import { EXIT } from './exit.ts'
import { printOutcome } from './print-outcome.ts'
import { loadTargetOrBroker } from './target.ts'

interface CallCommandOptions extends CommonOptions {
  readonly args?: unknown[]
  readonly kwargs?: Record<string, unknown>
  readonly queue?: string
  readonly countdown?: number
  readonly timeout: number
  readonly wait: boolean
}

export function command(): Command {
  const description =
    'Sends one task and prints its result as JSON. Each argument is JSON; what is not JSON is taken as text.'
  return addCommonOptions(
    newCommand('call', description, [
      'lovage call shop.add 2 3',
      'lovage call images.thumbnail /a.png 64 --queue images --timeout 1m',
      `lovage call ml.train --args '["mnist"]' --kwargs '{"epochs": 3}' --no-wait`,
    ]),
  )
    .argument('<task>', 'name of the task; it need not be defined here')
    .argument('[args...]', 'positional arguments')
    .addOption(new Option('--args <json>', 'positional arguments as one JSON list, behind those above').argParser(list))
    .addOption(new Option('--kwargs <json>', 'arguments by name as a JSON object').argParser(object))
    .addOption(new Option('-q, --queue <name>', "queue to send to (default: the task's own, else the default queue)"))
    .addOption(
      new Option('--countdown <time>', 'run it this long from now: 10s, or a number of seconds').argParser(wait),
    )
    .addOption(new Option('--timeout <time>', 'longest wait for the result').default(30_000, '30s').argParser(wait))
    .addOption(new Option('--no-wait', 'print the id and do not wait'))
    .action((task: string, args: string[], _options, self: Command) =>
      run(task, args, optionsOf<CallCommandOptions>(self)),
    )
}

async function run(task: string, words: readonly string[], options: CallCommandOptions): Promise<void> {
  const { app } = await loadTargetOrBroker(options)
  assertShared(app.settings, 'lovage call', 'Call it through the gateway of `lovage dev`')
  const args = [...words.map(jsonOrText), ...(options.args ?? [])]
  const { queue, countdown } = options
  try {
    const own = app.registry.get(task)?.options
    const to = queue ?? own?.queue
    const sent = await app.sendTask(task, args, options.kwargs ?? {}, {
      ...(to !== undefined && { queue: to }),
      ...(countdown !== undefined && { countdown }),
    })
    if (!options.wait) return void process.stdout.write(`${sent.id}\n`)
    process.exitCode = await awaitResult(sent, task, options.timeout + (countdown ?? 0), redactUrl(app.settings.broker))
  } finally {
    await app.close()
  }
}

async function awaitResult(sent: AsyncResult, task: string, timeout: number, broker: string): Promise<number> {
  try {
    return printOutcome(await sent.outcome({ timeout }), task)
  } catch (error) {
    if (!isLovageError(error, 'RESULT_TIMEOUT')) throw error
    const lines = [
      `✗ ${error.message}`,
      `  task: ${task}, on ${broker}`,
      `  next: ${error.fix}; lovage queues shows who reads`,
    ]
    process.stderr.write(`${lines.join('\n')}\n`)
    return EXIT.noResult
  }
}

function jsonOrText(word: string): unknown {
  try {
    return decodeJson(word)
  } catch {
    return word
  }
}

function list(text: string): unknown[] {
  const value = json(text)
  if (!Array.isArray(value)) throw new InvalidArgumentError('It must be a JSON list, e.g. \'[1, "two"]\'.')
  return value
}

function object(text: string): Record<string, unknown> {
  const value = json(text)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new InvalidArgumentError('It must be a JSON object, e.g. \'{"x": 1}\'.')
}

function json(text: string): unknown {
  try {
    return decodeJson(text)
  } catch (error) {
    throw new InvalidArgumentError(`It is not JSON: ${(error as Error).message}.`)
  }
}
