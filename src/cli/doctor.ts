import type { Command } from 'commander'
import { addCommonOptions, newCommand, optionsOf, type CommonOptions } from './command-options.ts'
import { listenHost, listenPort } from './gateway.ts'
import { examine, type Finding } from './doctor-checks.ts'
import { EXIT } from './exit.ts'
import { columns, harmless, paintFor, type Paint } from './paint.ts'
import type { ListenOptions } from './workload.ts'

export interface DoctorOptions extends CommonOptions, ListenOptions {}

export function command(): Command {
  const description =
    'Checks what is configured and from where, what is reachable, and what is wrong, each with its fix. Changes nothing. Exit code 1 when something is wrong.'
  return addCommonOptions(
    newCommand('doctor', description, [
      'lovage doctor',
      'lovage doctor -A tasks.ts',
      'LOVAGE_BROKER_URL=amqp://guest:guest@localhost:5672/ lovage doctor',
    ]),
  )
    .addOption(listenPort())
    .addOption(listenHost())
    .action((_options, self: Command) => run(optionsOf<DoctorOptions>(self)))
}

async function run(options: DoctorOptions): Promise<void> {
  const paint = paintFor(process.stdout)
  const findings = await examine(options)
  process.stdout.write(`${tableOf(findings, paint).join('\n')}\n`)
  const wrong = findings.filter(({ state }) => state === 'wrong').length
  const verdict =
    wrong === 0
      ? paint('green', 'Nothing is wrong.')
      : paint('red', `${wrong} ${wrong === 1 ? 'thing is' : 'things are'} wrong.`)
  process.stdout.write(`\n${verdict}\n`)
  if (wrong > 0) process.exitCode = EXIT.failed
}

function tableOf(findings: readonly Finding[], paint: Paint): string[] {
  const rows = columns(findings.map(({ state, what, detail }) => [markOf(state, paint), what, harmless(detail)]))
  return rows.flatMap((row, index) => {
    const { fix } = findings[index] as Finding
    return fix === undefined ? [row] : [row, `   ${paint('dim', '->')} ${harmless(fix)}`]
  })
}

function markOf(state: Finding['state'], paint: Paint): string {
  if (state === 'ok') return paint('green', '✓')
  return state === 'wrong' ? paint('red', '✗') : paint('dim', '-')
}
