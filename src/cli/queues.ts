import type { Command } from 'commander'
import { assertBroker } from '../app/capabilities.ts'
import type { App } from '../app/app.ts'
import { LovageError } from '../base/errors.ts'
import type { BrokerAdmin, QueueDepth } from '../broker/broker.ts'
import { deadQueueOf } from '../broker/dead-letters.ts'
import { addCommonOptions, newCommand, optionsOf, type CommonOptions } from './command-options.ts'
import { columns, harmless, paintFor } from './paint.ts'
import { loadTargetOrBroker, type Target } from './target.ts'

export function command(): Command {
  const description =
    'Shows how many messages wait in each queue and how many consumers read it: the queues of the tasks and processes here, or those named.'
  return addCommonOptions(newCommand('queues', description, ['lovage queues', 'lovage queues celery images']))
    .argument('[queues...]', 'names of queues')
    .action((queues: string[], _options, self: Command) => run(queues, optionsOf(self)))
}

async function run(named: readonly string[], options: CommonOptions): Promise<void> {
  const target = await loadTargetOrBroker(options)
  const { app } = target
  assertBroker('processes', app.settings, 'lovage queues', '`lovage dev` shows what runs')
  try {
    const admin = await adminOf(app)
    const { broker } = await app.client()
    // RabbitMQ keeps what is for later together, whatever queue it is for.
    const canTell = broker.delays?.list !== undefined
    const names = named.length > 0 ? named : queuesOf(target)
    const paint = paintFor(process.stdout)
    const rows = [['queue', 'waiting', 'for later', 'consumers', ''].map((title) => paint('dim', title))]
    for (const name of names) {
      rows.push(rowOf(name, await admin.depth(name), canTell))
      const dead = await admin.depth(deadQueueOf(name))
      if (dead && dead.messages > 0) rows.push(rowOf(dead.queue, dead, canTell, `lovage dead list ${name}`))
    }
    process.stdout.write(`${columns(rows, { right: [1, 2, 3] }).join('\n')}\n`)
  } finally {
    await app.close()
  }
}

function rowOf(name: string, depth: QueueDepth | undefined, canTell: boolean, note = ''): string[] {
  if (!depth) return [harmless(name), '-', '-', '-', 'not there yet: a worker declares it']
  const { messages, consumers, delayed = 0 } = depth
  const unread = messages > 0 && consumers === 0 && note === ''
  const later = canTell ? String(delayed) : '?'
  return [harmless(name), String(messages), later, String(consumers), unread ? 'nobody reads it' : note]
}

/** Every queue that the tasks and processes of the target use, the default queue first. */
export function queuesOf({ app, processes }: Pick<Target, 'app' | 'processes'>): string[] {
  const names = new Set([app.settings.defaultQueue])
  for (const task of app.registry.names()) {
    const queue = app.registry.get(task)?.options.queue
    if (queue !== undefined) names.add(queue)
  }
  for (const process of Object.values(processes)) {
    if (process.run === 'worker') for (const queue of process.queues ?? []) names.add(queue)
  }
  return [...names]
}

/** @throws LovageError `CAPABILITY_MISSING` and what connecting throws */
export async function adminOf(app: App): Promise<BrokerAdmin> {
  const { broker } = await app.client()
  if (broker.admin) return broker.admin
  throw new LovageError('CAPABILITY_MISSING', {
    what: 'This command',
    needs: 'a broker whose queues can be looked into',
    kind: broker.kind,
    fix: 'Use embedded:// or amqp://',
  })
}
