import { Option, type Command } from 'commander'
import { assertBroker } from '../app/capabilities.ts'
import type { Reason, Why } from '../dashboard/api.ts'
import { explain, type WhyOptions } from '../dashboard/why.ts'
import { addCommonOptions, type CommonOptions, count, newCommand, optionsOf, wait } from './command-options.ts'
import { EXIT } from './exit.ts'
import { writeLog } from './log-lines.ts'
import { harmless, type Paint, paintFor } from './paint.ts'
import { loadTargetOrBroker, type Target } from './target.ts'

interface WhyFlags extends CommonOptions {
  readonly queue?: string
  readonly task?: string
  /** Milliseconds. */
  readonly timeout: number
  readonly peek: number
  readonly json?: boolean
}

export function command(): Command {
  const description =
    'Says why a task is not running, or what became of it: the likeliest reason first, what to do about it, and the command that shows it. Takes the id of a task; or the name of a schedule, or of the task that one sends. Exit code 4: nobody knows of it.'
  return addCommonOptions(
    newCommand('why', description, [
      'lovage why 7d0c2f4e-1b0a-4b5e-9f43-3f3a0c1f7c55',
      'lovage why 7d0c2f4e-1b0a-4b5e-9f43-3f3a0c1f7c55 --queue images',
      'lovage why nightly',
    ]),
  )
    .argument('<task>', 'id of a task, or name of a schedule')
    .addOption(new Option('-Q, --queue <name>', 'look into this queue first'))
    .addOption(new Option('--task <name>', 'name of the task: its route says where to look'))
    .addOption(
      new Option('-t, --timeout <time>', 'wait for workers until nobody has answered for so long')
        .default(1_000, '1s')
        .argParser(wait),
    )
    .addOption(
      new Option('--peek <count>', 'most waiting messages that are looked at; 0: none').default(1_000).argParser(count),
    )
    .addOption(new Option('-j, --json', 'the answer as one JSON object'))
    .action((id: string, _options, self: Command) => run(id, optionsOf<WhyFlags>(self)))
}

async function run(id: string, flags: WhyFlags): Promise<void> {
  const { timeout: timeoutMs, peek, queue, task, json = false } = flags
  const target = await loadTargetOrBroker(flags)
  const { app } = target
  assertBroker('processes', app.settings, 'lovage why', '`lovage dev` shows what runs')
  const endLog = await writeLog({ loglevel: 'error', logFormat: 'text' })
  try {
    const why = await explain(app, id, { timeoutMs, peek, queue, task, schedules: await schedulesOf(target) })
    if (json) process.stdout.write(`${JSON.stringify(why, undefined, 2)}\n`)
    else process.stdout.write(`${linesOf(why, paintFor(process.stdout)).join('\n')}\n`)
    const [first] = why.reasons
    if (first?.code === 'UNKNOWN_ID') process.exitCode = EXIT.noResult
    if (first?.code === 'BROKER_UNREACHABLE' || first?.code === 'BROKER_REFUSED') process.exitCode = EXIT.failed
  } finally {
    endLog()
    await app.close()
  }
}

/** Where there is a store, beats have their entries in it. */
async function schedulesOf({ app }: Target): Promise<WhyOptions['schedules']> {
  if (app.settings.store === undefined) return undefined
  return (await import('../beat/beat.ts')).schedules(app)
}

function linesOf({ id, state, reasons, unknown }: Why, paint: Paint): string[] {
  const [first, ...others] = reasons
  const lines = [paint('dim', `${harmless(id)}  ${harmless(state)}`)]
  if (first) {
    const { fix, evidence } = first
    const sure = first.certainty === 'certain' ? '' : paint('dim', ' (likely)')
    lines.push('', paint('bold', harmless(first.text)) + sure, paint('dim', `  ${first.code}`))
    if (fix !== undefined) lines.push(`  ${paint('dim', 'next:')} ${harmless(fix)}`)
    if (evidence !== undefined) lines.push(`  ${paint('dim', 'see: ')} ${harmless(evidence)}`)
  }
  if (others.length > 0) lines.push('', paint('dim', 'Also:'), ...others.flatMap((one) => lineOf(one, paint)))
  if (unknown.length > 0) {
    const told = unknown.map(({ what, because }) => `  ${harmless(what)}: ${harmless(because)}`)
    lines.push('', paint('dim', 'Not known:'), ...told)
  }
  return lines
}

function lineOf({ code, text, certainty }: Reason, paint: Paint): string[] {
  const sure = certainty === 'certain' ? '' : ', likely'
  return [`  ${harmless(text)} ${paint('dim', `${code}${sure}`)}`]
}
