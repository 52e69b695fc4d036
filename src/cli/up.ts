import { spawnSync } from 'node:child_process'
import { mkdirSync, writeSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { Option, type Command } from 'commander'
import { assertShared } from '../app/capabilities.ts'
import { LovageError } from '../base/errors.ts'
import { version } from '../base/version.ts'
import type { SupervisorConfig } from '../supervisor/configuration.ts'
import { configurationOf, type ConfigSections } from '../supervisor/read-configuration.ts'
import { addServiceOptions, newCommand, optionsOf, type ServiceOptions } from './command-options.ts'
import { EXIT } from './exit.ts'
import { OutputLines } from './output-lines.ts'
import { runSupervisor } from './run-supervisor.ts'
import { findTarget, loadTarget, shortPath } from './target.ts'
import { upHome } from './up-home.ts'
import { upSections } from './up-programs.ts'

interface UpFlags extends ServiceOptions {
  /** Prints the configuration and ends: what this command asks itself, in a process of its own. */
  readonly print?: boolean
}

/** Longest wait for the user's modules to load. */
const LOAD_MS = 60_000

export function command(): Command {
  const description =
    'Keeps every process of the configuration alive, each by itself, in this terminal: workers, gateways, beats. `lovage ctl` steers them. SIGINT or SIGTERM once: all end what runs; twice: at once.'
  return addServiceOptions(
    newCommand('up', description, ['lovage up', 'lovage ctl status', "lovage ctl rolling-restart 'worker:*'"]),
  )
    .addOption(new Option('--print').hideHelp())
    .action((_options, self: Command) => run(optionsOf<UpFlags>(self)))
}

async function run(flags: UpFlags): Promise<void> {
  if (flags.print) return print(flags)
  const first = printed('inherit')
  if (first.status !== 0) {
    // Else it has said why.
    if (first.status === null) throw invalid(flags, first.stderr)
    process.exitCode = EXIT.failed
    return
  }
  const { folder } = upHome()
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  let next: SupervisorConfig | undefined = configOf(JSON.parse(first.text) as ConfigSections, flags)
  const output = new OutputLines((line) => void process.stdout.write(line))
  await runSupervisor({
    mode: 'foreground',
    twice: true,
    read() {
      const config = next ?? configOf(reread(flags), flags)
      next = undefined
      return config
    },
    onOutput: (name, bytes) => output.take(name, bytes),
    onStarted: (config) => announce(config, flags),
  })
}

/** In a process of its own: modules are fresh there each time, and the supervisor has none of them in its memory. */
async function print(flags: UpFlags): Promise<void> {
  const { file } = findTarget(flags)
  const { app, processes } = await loadTarget(flags)
  assertShared(app.settings, '`lovage up`', 'Use `lovage dev`, which runs all in one process')
  const [script = ''] = process.argv.slice(1)
  const { loglevel, logFormat } = flags
  const sections = upSections({
    ...{ file, processes, home: upHome(), lovage: [process.execPath, ...process.execArgv, script] },
    more: ['-l', loglevel, '--log-format', logFormat],
  })
  const text = Buffer.from(JSON.stringify(sections))
  for (let at = 0; at < text.length;) at += writeSync(PRINTED, text, at)
}

/** Where it is printed: the user's modules may write to stdout themselves. */
const PRINTED = 3

function printed(stderr: 'inherit' | 'pipe'): { status: number | null; text: string; stderr: string } {
  const [script = '', ...args] = process.argv.slice(1)
  const told = spawnSync(process.execPath, [...process.execArgv, script, ...args, '--print'], {
    ...{ encoding: 'utf8', timeout: LOAD_MS, killSignal: 'SIGKILL', maxBuffer: 16 * 1024 ** 2 },
    stdio: ['ignore', stderr === 'inherit' ? 'inherit' : 'ignore', stderr, 'pipe'],
  })
  const { status, error, signal } = told
  const isLate = (error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT'
  const why = isLate ? `its modules have not loaded within ${LOAD_MS / 1_000} s` : (error?.message ?? String(signal))
  return { status, text: told.output?.[PRINTED] ?? '', stderr: status === null ? why : (told.stderr ?? '') }
}

function reread(flags: UpFlags): ConfigSections {
  const { status, text, stderr } = printed('pipe')
  if (status === 0) return JSON.parse(text) as ConfigSections
  throw invalid(flags, stderr)
}

function invalid(flags: UpFlags, why: string): LovageError {
  const { file } = findTarget(flags)
  const lines = why.trim().split('\n')
  return new LovageError('SUPERVISOR_CONFIG_INVALID', {
    at: file,
    ...{ file, line: 1, section: '', option: '' },
    subject: 'the configuration',
    problem: `cannot be used: ${(lines.find((line) => line.startsWith('✗ ')) ?? lines[0] ?? '').replace('✗ ', '')}`,
    fix: 'Correct it; what runs goes on as it was',
  })
}

function configOf(sections: ConfigSections, flags: UpFlags): SupervisorConfig {
  const place = { env: process.env, host: hostname(), temporary: tmpdir() }
  return configurationOf(sections, findTarget(flags).file, place)
}

function announce({ groups, file }: SupervisorConfig, flags: UpFlags): void {
  if (flags.logFormat === 'json') return
  const parts = groups.map(({ name, processes: { length } }) => (length === 1 ? name : `${name} (${length})`))
  const lines = [
    `lovage ${version()} keeps alive what ${shortPath(file)} names: ${parts.join(', ')}`,
    '  lovage ctl status, in another terminal, shows them; lovage ctl help what else can be done',
    '  Ctrl-C ends them all',
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}
