import type { Command } from 'commander'
import { remoteCommand } from './remote.ts'
import { ORDERS } from './remote-commands.ts'

export function command(): Command {
  const description = "Steers workers, Python's too. Exit code 69 when none answers, as Celery's."
  const examples = [
    'lovage control rate_limit shop.add 10/m',
    'lovage control add_consumer images -d lovage@host1',
    'lovage control terminate SIGTERM 4f0c1f2e-...',
  ]
  return remoteCommand('control', description, examples, ORDERS, false)
}
