import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { Option, type Command } from 'commander'
import { LovageError, messageOf } from '../base/errors.ts'
import { newCommand, optionsOf, type CommonOptions } from './command-options.ts'
import { convert, settingsOf } from './migrate/convert.ts'
import type { Migration } from './migrate/migration.ts'
import type { CeleryConfig } from './migrate/python-value.ts'
import { readLiterals } from './migrate/read-literals.ts'
import { readWithPython } from './migrate/read-with-python.ts'
import { settingsModule } from './migrate/settings-module.ts'
import { paintFor } from './paint.ts'

interface MigrateFlags extends CommonOptions {
  readonly python?: string
  readonly literals?: boolean
  readonly namespace?: string
}

/** Where a Python with Celery may be: distributions install it for their own interpreter only. */
const PYTHONS = ['python3', '/usr/bin/python3', 'python']

export function command(): Command {
  const description =
    'Prints the settings of a celeryconfig.py as a TypeScript module, and on stderr what does not carry over, and why. Python evaluates the file, where there is one that can; else it is read as text, and what is more than literals is told of.'
  return newCommand('migrate', description, [
    'lovage migrate celeryconfig.py > settings.ts',
    'lovage migrate --python ./venv/bin/python celeryconfig.py > settings.ts',
  ])
    .argument('[file]', 'the configuration', 'celeryconfig.py')
    .addOption(new Option('--python <path>', 'the Python that evaluates it (default: python3)'))
    .addOption(new Option('--literals', 'read it as text, without running it').conflicts('python'))
    .addOption(new Option('--namespace <prefix>', 'what stands in front of the names in the file, as in Celery'))
    .action((file: string, _options, self: Command) => run(file, optionsOf<MigrateFlags>(self)))
}

async function run(file: string, flags: MigrateFlags): Promise<void> {
  const config = await read(file, flags)
  const migration = convert(config, flags.namespace)
  process.stdout.write(settingsModule(settingsOf(migration), basename(file), migration))
  process.stderr.write(`${report(migration, config, file).join('\n')}\n`)
}

async function read(file: string, { python, literals = false }: MigrateFlags): Promise<CeleryConfig> {
  let source: string
  try {
    source = readFileSync(file, 'utf8')
  } catch (error) {
    throw new LovageError('CONFIG_NOT_FOUND', { problem: `${file} cannot be read: ${messageOf(error)}` })
  }
  const problems: string[] = []
  for (const each of literals ? [] : python === undefined ? PYTHONS : [python]) {
    const answer = await readWithPython(each, file)
    if ('config' in answer) return answer.config
    problems.push(answer.problem)
  }
  const config = readLiterals(source)
  if (problems.length === 0) return config
  const why = `No Python could evaluate it (${problems.join('; ')}), so it was read as literals.`
  return { ...config, notes: [why, ...config.notes] }
}

function report(migration: Migration, { how }: CeleryConfig, file: string): string[] {
  const paint = paintFor(process.stderr)
  const lines = migration.notes.map(
    ({ name, text }) => `  ${paint('yellow', '-')} ${name === undefined ? text : `${paint('bold', name)} ${text}`}`,
  )
  const count = migration.settings.size + (migration.worker.size > 0 ? 1 : 0)
  const { size } = migration.entries
  const entries = size === 0 ? '' : `, ${size} ${size === 1 ? 'entry' : 'entries'} of the schedule`
  const notes = lines.length === 0 ? 'nothing to note' : 'to note:'
  return [`${file}, ${how}: ${count} settings${entries}, ${notes}`, ...lines]
}
