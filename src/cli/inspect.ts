import type { Command } from 'commander'
import { remoteCommand } from './remote.ts'
import { QUESTIONS } from './remote-commands.ts'

export function command(): Command {
  const description = "Asks workers, Python's too. Exit code 69 when none answers, as Celery's."
  const examples = [
    'lovage inspect active',
    'lovage inspect registered rate_limit max_retries -d lovage@host1,lovage@host2',
    'lovage inspect stats -j -t 5',
  ]
  return remoteCommand('inspect', description, examples, QUESTIONS, true)
}
