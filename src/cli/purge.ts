import { Option, type Command } from 'commander'
import { assertBroker } from '../app/capabilities.ts'
import { addCommonOptions, newCommand, optionsOf, type CommonOptions } from './command-options.ts'
import { EXIT } from './exit.ts'
import { adminOf } from './queues.ts'
import { loadTargetOrBroker } from './target.ts'

interface PurgeOptions extends CommonOptions {
  readonly yes?: boolean
}

export function command(): Command {
  const description =
    'Drops every message that waits in a queue, and what waits for its time to come there, for ever. What a worker has taken already goes on.'
  return addCommonOptions(newCommand('purge', description, ['lovage purge celery', 'lovage purge celery --yes']))
    .argument('<queue>', 'name of the queue')
    .addOption(new Option('-y, --yes', 'really do it; without it only the number is told'))
    .action((queue: string, _options, self: Command) => run(queue, optionsOf(self)))
}

async function run(queue: string, options: PurgeOptions): Promise<void> {
  const { app } = await loadTargetOrBroker(options)
  assertBroker('processes', app.settings, 'lovage purge', 'Stop and start `lovage dev`: its memory is empty then')
  try {
    const admin = await adminOf(app)
    const depth = await admin.depth(queue)
    if (!depth) {
      process.exitCode = EXIT.failed
      return void process.stderr.write(
        `✗ There is no queue ${queue}\n  next: lovage queues shows those that are known here\n`,
      )
    }
    const { delays } = (await app.client()).broker
    const { messages, delayed = 0 } = depth
    if (!options.yes) {
      process.exitCode = EXIT.failed
      const next = `lovage purge ${queue} --yes`
      return void process.stderr.write(
        `${count(messages, delayed)} would be dropped from ${queue}, for ever\n  next: ${next}\n`,
      )
    }
    // First what is for later: some of it may be due meanwhile.
    const later = (await delays?.purge?.(queue)) ?? 0
    process.stdout.write(`${count(await admin.purge(queue), later)} dropped from ${queue}\n`)
    if (delays && !delays.purge) {
      process.stdout.write('  What is for later is still to come: this broker keeps it with that of other queues\n')
    }
  } finally {
    await app.close()
  }
}

function count(messages: number, later: number): string {
  const ready = messages === 1 ? '1 message' : `${messages} messages`
  return later === 0 ? ready : `${ready}, and ${later} for later,`
}
