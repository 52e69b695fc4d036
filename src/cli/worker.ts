import { InvalidArgumentError, Option, type Command } from 'commander'
import { assertShared } from '../app/capabilities.ts'
import { isLovageError } from '../base/errors.ts'
import { poolKind, type PoolName } from '../pool/open.ts'
import {
  addServiceOptions,
  names,
  newCommand,
  optionsOf,
  positive,
  wait,
  type ServiceOptions,
} from './command-options.ts'
import { printBanner } from './banner.ts'
import { refuseCeleryOptions, refusedOptions } from './celery-options.ts'
import { chosenProcess } from './chosen-process.ts'
import { runService } from './run-service.ts'
import { loadTarget } from './target.ts'
import type { StopStep } from '../worker/worker.ts'
import { makeWorker, type WorkerChoice } from './worker-choice.ts'

interface WorkerOptions extends ServiceOptions, WorkerChoice {}

export function command(): Command {
  const description =
    'Runs tasks from queues. SIGINT or SIGTERM once: takes no more, ends what runs, goes with exit code 0. Twice: at once; the broker gives what ran to another worker.'
  const made = addServiceOptions(
    newCommand('worker', description, [
      'lovage worker',
      'lovage worker -A tasks.ts -Q celery,images -c 50 -n images@%h',
      'LOVAGE_BROKER_URL=amqp://guest:guest@localhost:5672/ lovage worker -A tasks.ts',
    ]),
  )
    .argument('[name]', 'name of a worker in the configuration')
    .addOption(new Option('-Q, --queues <names>', 'queues to read, with commas between').argParser(names))
    .addOption(new Option('-c, --concurrency <count>', 'most tasks at once (default: 100)').argParser(positive))
    .addOption(
      new Option(
        '-P, --pool <name>',
        "where tasks run: async (Celery's gevent, eventlet, solo), threads, processes (prefork)",
      ).argParser(pool),
    )
    .addOption(new Option('-n, --hostname <name>', 'name of this worker; %h host, %n its first part, %d its domain'))
    .addOption(
      new Option(
        '--prefetch <count>',
        'most messages held, running ones included (default: concurrency + 1)',
      ).argParser(positive),
    )
    .addOption(
      new Option(
        '--soft-shutdown-timeout <time>',
        'SIGQUIT or a second signal lets what runs end for so long first (default: 0)',
      ).argParser(wait),
    )
  for (const option of refusedOptions()) made.addOption(option)
  return made.action((name: string | undefined, _options, self: Command) => {
    refuseCeleryOptions(self)
    return run(name, optionsOf<WorkerOptions>(self), self)
  })
}

async function run(name: string | undefined, options: WorkerOptions, self: Command): Promise<void> {
  await runService(options, async () => {
    const target = await loadTarget(options)
    const { app } = target
    assertShared(app.settings, 'A worker by itself', 'Use `lovage dev`, which runs all in one process')
    const configured = chosenProcess(target, 'worker', name, self)
    const choice: WorkerChoice = {
      queues: options.queues ?? configured?.queues,
      concurrency: options.concurrency ?? configured?.concurrency,
      pool: options.pool ?? configured?.pool,
      prefetch: options.prefetch,
      hostname: options.hostname,
      softShutdownTimeout: options.softShutdownTimeout,
      module: target.taskFiles,
    }
    const worker = await makeWorker(app, choice)
    const stop = async (how: StopStep): Promise<void> => {
      await worker.stop(how)
      await app.close()
    }
    return {
      start: () => worker.start(),
      announce: () => printBanner(target, { gateways: [], workers: [worker] }),
      stop: () => stop('warm'),
      soft: worker.options.softShutdownTimeoutMs > 0 ? (): Promise<void> => stop('soft') : undefined,
      cold: () => stop('cold'),
    }
  })
}

function pool(name: string): PoolName {
  try {
    poolKind(name)
    return name as PoolName
  } catch (error) {
    throw new InvalidArgumentError(isLovageError(error) ? `${error.message}. ${error.fix}.` : String(error))
  }
}
