import { createInterface } from 'node:readline'
import { Option, type Command } from 'commander'
import { assertShared } from '../app/capabilities.ts'
import { Unfit } from '../app/check.ts'
import { systemClock } from '../base/clock.ts'
import { LovageError } from '../base/errors.ts'
import { hashPassword, hashToken, randomToken } from '../dashboard/auth-passwords.ts'
import { type DashboardUser, parseUsers } from '../dashboard/auth-users.ts'
import { printBanner } from './banner.ts'
import {
  addServiceOptions,
  names,
  newCommand,
  optionsOf,
  portNumber,
  wait,
  type ServiceOptions,
} from './command-options.ts'
import { chosenProcess } from './chosen-process.ts'
import { sourcesOf } from './dashboard-sources.ts'
import { runService } from './run-service.ts'
import { loadTargetOrBroker } from './target.ts'

interface DashboardFlags extends ServiceOptions {
  readonly port?: number
  readonly host?: string
  readonly allowedHost?: readonly string[]
  readonly data?: string
  readonly forgetAfter?: number
  readonly hosts?: string
  readonly usersFile?: string
  readonly insecure?: boolean
  readonly secureCookies?: boolean
  readonly readOnly?: boolean
  readonly unauthenticatedApi?: boolean
  readonly hashPassword?: boolean
  readonly newToken?: boolean
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
    .argument('[name]', 'name of a dashboard in the configuration')
    .addOption(
      new Option('--port <number>', 'port to listen on; 0 takes a free one (default: 5555)')
        .env('LOVAGE_DASHBOARD_PORT')
        .argParser(portNumber),
    )
    .option('--host <address>', 'address to listen on; 0.0.0.0 is all of them (default: 127.0.0.1)')
    .addOption(new Option('--allowed-host <names>', 'names by which browsers may reach it besides').argParser(names))
    .option('--data <folder>', 'folder of its history (default: .lovage/dashboard)')
    .addOption(
      new Option(
        '--forget-after <duration>',
        'workers, gateways and queues that nobody has heard of for so long leave pages and metrics (default: 1h)',
      ).argParser(wait),
    )
    .addOption(
      new Option('--users-file <path>', 'JSON file of who may log in: { "users": [...], "tokens": [...] }').env(
        'LOVAGE_DASHBOARD_USERS_FILE',
      ),
    )
    .option('--insecure', 'answer on an address that others reach too although nobody need log in')
    .option('--secure-cookies', 'browsers send the cookie of a login over HTTPS alone: for a proxy that speaks it')
    .option('--read-only', 'nothing can be changed from here')
    .option('--unauthenticated-api', "answer Flower's paths although nobody need log in")
    .option('--hash-password', 'read a password from standard input, print its hash, and end')
    .option('--new-token', 'print a new API token and its hash, and end')
    .option('--hosts <file>', 'hosts whose supervisors it shows, as lovage ctl --hosts reads them')
    .action((name: string | undefined, _options, self: Command) => run(name, optionsOf<DashboardFlags>(self), self))
}

async function run(name: string | undefined, flags: DashboardFlags, self: Command): Promise<void> {
  if (flags.hashPassword) return printHash()
  if (flags.newToken) return printToken()
  const { allowedHost: allowedHosts, data, usersFile } = flags
  const { insecure, secureCookies, readOnly, unauthenticatedApi } = flags
  const access = { users: usersOf(process.env), usersFile, insecure, secureCookies, readOnly, unauthenticatedApi }
  await runService(flags, async () => {
    const target = await loadTargetOrBroker(flags)
    const { app } = target
    assertShared(app.settings, 'A dashboard by itself', 'Use `lovage dev`, which runs all in one process')
    const { dashboard } = await import('../dashboard/dashboard.ts')
    const configured = chosenProcess(target, 'dashboard', name, self)
    const { port = configured?.port, host = configured?.host, forgetAfter = configured?.forgetAfter, hosts } = flags
    const made = dashboard(
      app,
      { port, host, allowedHosts, data, forgetAfter, ...access },
      await sourcesOf(target, hosts),
    )
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

/** `LOVAGE_DASHBOARD_USERS`: `ana:admin:scrypt:...`, one beside the other. */
function usersOf({ LOVAGE_DASHBOARD_USERS: text }: NodeJS.ProcessEnv): readonly DashboardUser[] | undefined {
  if (text === undefined || text === '') return undefined
  try {
    return parseUsers(text)
  } catch (error) {
    if (!(error instanceof Unfit)) throw error
    const { message: problem, fix } = error
    const option = 'LOVAGE_DASHBOARD_USERS'
    throw new LovageError('OPTION_INVALID', { option, where: 'lovage dashboard', problem, fix }, { cause: error })
  }
}

async function printHash(): Promise<void> {
  if (process.stdin.isTTY) process.stderr.write('Password, then Enter (it is shown): ')
  const lines = createInterface({ input: process.stdin })
  for await (const password of lines) {
    lines.close()
    if (password === '') break
    process.stdout.write(`${await hashPassword(password, systemClock)}\n`)
    return
  }
  const fix = 'Write one line: printf %s "$PASSWORD" | lovage dashboard --hash-password'
  throw new LovageError('OPTION_INVALID', {
    option: '--hash-password',
    where: 'lovage dashboard',
    problem: 'has read no password',
    fix,
  })
}

function printToken(): void {
  const token = randomToken(systemClock)
  process.stdout.write(`${token}\n${hashToken(token)}\n`)
}
