import { Option, type Command } from 'commander'
import { assertShared } from '../app/capabilities.ts'
import type { App } from '../app/app.ts'
import type { DashboardSources } from '../dashboard/dashboard.ts'
import { printBanner } from './banner.ts'
import { addServiceOptions, names, newCommand, optionsOf, portNumber, type ServiceOptions } from './command-options.ts'
import { runService } from './run-service.ts'
import { loadTargetOrBroker } from './target.ts'

interface DashboardFlags extends ServiceOptions {
  readonly port?: number
  readonly host?: string
  readonly allowedHost?: readonly string[]
  readonly data?: string
}

export function command(): Command {
  const description =
    "Shows the fleet as web pages: tasks, workers (Python's too), queues, schedules, gateways. Workers tell of their tasks with -E. SIGINT or SIGTERM ends it."
  return addServiceOptions(
    newCommand('dashboard', description, [
      'lovage dashboard',
      'lovage dashboard -A tasks.ts --port 8080',
      'LOVAGE_BROKER_URL=amqp://guest:guest@localhost:5672/ lovage dashboard',
    ]),
  )
    .addOption(
      new Option('--port <number>', 'port to listen on; 0 takes a free one (default: 5555)')
        .env('LOVAGE_DASHBOARD_PORT')
        .argParser(portNumber),
    )
    .option('--host <address>', 'address to listen on; 0.0.0.0 is all of them (default: 127.0.0.1)')
    .addOption(new Option('--allowed-host <names>', 'names by which browsers may reach it besides').argParser(names))
    .option('--data <folder>', 'folder of its history (default: .lovage/dashboard)')
    .action((_options, self: Command) => run(optionsOf<DashboardFlags>(self)))
}

async function run(flags: DashboardFlags): Promise<void> {
  const { port, host, allowedHost: allowedHosts, data } = flags
  await runService(flags, async () => {
    const target = await loadTargetOrBroker(flags)
    const { app } = target
    assertShared(app.settings, 'A dashboard by itself', 'Use `lovage dev`, which runs all in one process')
    const { dashboard } = await import('../dashboard/dashboard.ts')
    const made = dashboard(app, { port, host, allowedHosts, data }, await sourcesOf(app))
    return {
      start: () => made.start(),
      announce: () => printBanner(target, { dashboards: [made] }),
      stop: async () => {
        await made.stop()
        await app.close()
      },
    }
  })
}

/** What the dashboard shows of schedules, where there is a store that has them. */
export async function sourcesOf(app: App): Promise<DashboardSources> {
  if (app.settings.store === undefined) return {}
  const { schedules } = await import('../beat/beat.ts')
  return { schedules: schedules(app) }
}
