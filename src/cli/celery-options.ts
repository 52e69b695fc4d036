import { Option, type Command } from 'commander'

/** Options of `celery worker` that this version does not take, and the nearest there is. */
const REFUSED: readonly (readonly [flags: string, instead: string])[] = [
  ['-b, --broker <url>', 'Set LOVAGE_BROKER_URL, or broker in lovage(name, { broker }).'],
  ['--result-backend <url>', 'Set LOVAGE_RESULT_BACKEND, or backend in lovage(name, { backend }).'],
  ['--loader <loader>', 'Drop it: -A or lovage.config.ts say what is loaded.'],
  ['--workdir <path>', 'Change to the directory first: cd <path> && lovage worker.'],
  ['-C, --no-color', 'Set NO_COLOR=1.'],
  ['-q, --quiet', 'Use -l error.'],
  ['-s, --schedule <file>', 'Drop it: what a beat knows is in the store, which all beats share.'],
  ['--schedule-filename <file>', 'Drop it: what a beat knows is in the store, which all beats share.'],
  ['--scheduler <name>', 'Drop it: schedules are added and changed at run time by schedules(app).'],
  ['-D, --detach', 'Let systemd or supervisord keep it running, in the foreground.'],
  ['-f, --logfile <file>', 'Redirect stderr, where the log goes: 2>worker.log.'],
  ['--pidfile <file>', 'Let systemd or supervisord keep it running; they know its pid.'],
  ['--uid <user>', 'Let systemd or supervisord set the user.'],
  ['--gid <group>', 'Let systemd or supervisord set the group.'],
  ['--umask <mask>', 'Let systemd or supervisord set the umask.'],
  ['--executable <path>', 'Start it with the Node that is to run it.'],
  ['-S, --statedb <file>', 'Drop it: what is revoked is remembered elsewhere than in a file.'],
]

/** The options, known so that they can be refused by name; they stand in no help. */
export function refusedOptions(): Option[] {
  return REFUSED.map(([flags]) => new Option(flags).hideHelp())
}

/** Ends the command with what to use instead, when one of them was given. */
export function refuseCeleryOptions(command: Command): void {
  for (const [flags, instead] of REFUSED) {
    const name = new Option(flags).attributeName()
    if (command.getOptionValueSource(name) === 'cli')
      command.error(`error: ${flags} of Celery is not taken\n${instead}`)
  }
}
