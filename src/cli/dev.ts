import { dirname, resolve } from 'node:path'
import { InvalidArgumentError, Option, type Command } from 'commander'
import { printBanner } from './banner.ts'
import { addServiceOptions, newCommand, optionsOf, type ServiceOptions } from './command-options.ts'
import { DevLoop, lostLine } from './dev-loop.ts'
import { listenHost, listenPort } from './gateway.ts'
import { writeLog } from './log-lines.ts'
import { complainer, runService, sayer } from './run-service.ts'
import { stopOnSignals } from './signals.ts'
import { findTarget, loadTarget } from './target.ts'
import { prepareWorkload } from './workload.ts'

interface DevOptions extends ServiceOptions {
  readonly port?: number
  readonly host?: string
  readonly reload: boolean
  readonly watch?: readonly string[]
}

/** What no change of the user's modules mends: better to end and say so than to wait. */
const FATAL = [
  'PORT_IN_USE',
  'LISTEN_FAILED',
  'BROKER_UNREACHABLE',
  'BROKER_REFUSED',
  'URL_UNSUPPORTED',
  'HOME_UNUSABLE',
  'HOME_OWNED',
]

export function command(): Command {
  const description =
    'Runs every process of the configuration (gateways and workers) in one process, and again on each change of its files.'
  return addServiceOptions(
    newCommand('dev', description, [
      'lovage dev',
      'lovage dev --config examples/hello/lovage.config.ts --port 8080',
      'lovage dev -A tasks.ts --no-reload',
    ]),
  )
    .addOption(listenPort())
    .addOption(listenHost())
    .addOption(new Option('--no-reload', 'keep running what was loaded first'))
    .addOption(new Option('--watch <folder>', 'watch this folder too; may be repeated').argParser(folders))
    .action((_options, self: Command) => run(optionsOf<DevOptions>(self)))
}

async function run(options: DevOptions): Promise<void> {
  process.exitCode = options.reload ? await runReloading(options) : await runOnce(options)
}

async function runReloading(options: DevOptions): Promise<number> {
  const { watch = [], app, config, debug, loglevel, logFormat, port, host } = options
  const { file } = findTarget({ app, config })
  const endLog = await writeLog(options)
  const say = sayer(options)
  const loop = new DevLoop({
    child: { app, config, debug, loglevel, logFormat, port, host },
    folders: [dirname(file), ...watch.map((folder) => resolve(folder))],
    fatal: FATAL,
    say,
    complain: complainer(options),
  })
  const stopped = stopOnSignals({ warm: () => loop.stop(), cold: () => loop.kill(), say })
  await loop.start()
  const code = await Promise.race([loop.finished, stopped])
  await loop.kill()
  endLog()
  return code
}

/** Without a child there is nothing to replace: signals, log and errors are those of any service. */
async function runOnce(options: DevOptions): Promise<number> {
  await runService({ ...options, joined: true }, async () => {
    const target = await loadTarget(options, { gateways: true, beats: true })
    const workload = await prepareWorkload(target, options)
    return {
      start: () => workload.start(),
      announce: () => printBanner(target, workload),
      stop: async () => {
        const lost = await workload.stop()
        if (lost > 0) sayer(options)(lostLine(lost))
      },
    }
  })
  return Number(process.exitCode)
}

function folders(folder: string, before: readonly string[] = []): readonly string[] {
  if (folder === '') throw new InvalidArgumentError('It must name a folder.')
  return [...before, folder]
}
