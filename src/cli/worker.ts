import type { Command } from 'commander'
import type { App } from '../app/app.ts'
import { assertShared } from '../app/capabilities.ts'
import { topologyOf } from '../app/queues.ts'
import { poolsOf } from '../pool/pools.ts'
import type { StopStep } from '../worker/worker.ts'
import { addServiceOptions, newCommand, optionsOf } from './command-options.ts'
import { printBanner } from './banner.ts'
import { chosenBeat } from './beat-choice.ts'
import { OF_WORKER, refuseCeleryOptions, refusedOptions } from './celery-options.ts'
import { chosenProcess } from './chosen-process.ts'
import { adminOf } from './queues.ts'
import { runService, sayer } from './run-service.ts'
import { loadTarget } from './target.ts'
import { makeWorker } from './worker-choice.ts'
import { addWorkerOptions, workerChoice, type WorkerFlags } from './worker-options.ts'
import { boundYoungGeneration, hasNoThreads } from './young-generation.ts'

export function command(): Command {
  const description =
    'Runs tasks from queues. SIGINT or SIGTERM once: takes no more, ends what runs, goes with exit code 0. Twice: at once; the broker gives what ran to another worker.'
  const made = addWorkerOptions(
    addServiceOptions(
      newCommand('worker', description, [
        'lovage worker',
        'lovage worker -A tasks.ts -Q celery,images -c 50 -n images@%h',
        'LOVAGE_BROKER_URL=amqp://guest:guest@localhost:5672/ lovage worker -A tasks.ts',
        'lovage worker -B',
      ]),
    ).argument('[name]', 'name of a worker in the configuration'),
  )
  for (const option of refusedOptions(OF_WORKER)) made.addOption(option)
  return made.action((name: string | undefined, _options, self: Command) => {
    refuseCeleryOptions(self, OF_WORKER)
    return run(name, optionsOf<WorkerFlags>(self), self)
  })
}

async function run(name: string | undefined, flags: WorkerFlags, self: Command): Promise<void> {
  await runService(flags, async () => {
    const target = await loadTarget(flags, { include: flags.include, beats: flags.beat })
    const { app } = target
    assertShared(app.settings, 'A worker by itself', 'Use `lovage dev`, which runs all in one process')
    const choice = workerChoice(flags, chosenProcess(target, 'worker', name, self), target)
    const worker = await makeWorker(app, choice)
    const beat = flags.beat ? chosenBeat(target, undefined, self) : undefined
    const stop = async (how: StopStep): Promise<void> => {
      // A beat that waits for a store that is away must not hold up the worker.
      await Promise.all([beat?.stop(), worker.stop(how)])
      await app.close()
    }
    return {
      async start() {
        if (flags.purge || flags.discard) await purge(app, worker.options.queues, sayer(flags))
        await worker.start()
        if (hasNoThreads(app.settings, poolsOf(worker.options.pool, app.registry))) boundYoungGeneration()
        await beat?.start()
      },
      announce: () => printBanner(target, { workers: [worker], beats: beat ? [beat] : [] }),
      stop: () => stop('warm'),
      soft: worker.options.softShutdownTimeoutMs > 0 ? (): Promise<void> => stop('soft') : undefined,
      cold: () => stop('cold'),
      reload: () => worker.reload(),
      ended: worker.shutdownAsked,
    }
  })
}

/** Drops what waits. A queue that is not there is made, as the worker would. */
async function purge(app: App, queues: readonly string[], say: (line: string) => void): Promise<void> {
  const admin = await adminOf(app)
  const { broker } = await app.client()
  for (const queue of queues) {
    await broker.declare(topologyOf(app.settings, queue))
    say(`dropped from ${queue}: ${await admin.purge(queue)}`)
  }
}
