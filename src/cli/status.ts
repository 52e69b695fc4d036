import type { Command } from 'commander'
import { newCommand, optionsOf } from './command-options.ts'
import { addRemoteOptions, ask, type RemoteOptions } from './remote.ts'

export function command(): Command {
  const description = "Shows which workers are there, Python's too. Exit code 69 when none answers, as Celery's."
  return addRemoteOptions(newCommand('status', description, ['lovage status', 'lovage status -t 5 -j'])).action(
    (_options, self: Command) =>
      ask('lovage status', 'ping', {}, optionsOf<RemoteOptions>(self), { showReply: false, count: true }),
  )
}
