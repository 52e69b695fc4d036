import { Option, type Command } from 'commander'

/** Options of Celery that a command does not take, and the nearest there is. */
type Refused = readonly (readonly [flags: string, instead: string])[]

const IN_STORE = 'Drop it: what a beat knows is in the store, which all beats share.'
const AT_RUN_TIME = 'Drop it: schedules are added and changed at run time by schedules(app).'

/** Those of a daemon. */
const OF_DAEMONS: Refused = [
  ['-f, --logfile <file>', 'Redirect stderr, where the log goes: 2>lovage.log.'],
  ['--pidfile <file>', 'Let systemd or supervisord keep it running; they know its pid.'],
  ['--uid <user>', 'Let systemd or supervisord set the user.'],
  ['--gid <group>', 'Let systemd or supervisord set the group.'],
  ['--umask <mask>', 'Let systemd or supervisord set the umask.'],
  ['--executable <path>', 'Start it with the Node that is to run it.'],
]

/** Those of all commands. */
const OF_ALL: Refused = [
  ['-b, --broker <url>', 'Set LOVAGE_BROKER_URL, or broker in lovage(name, { broker }).'],
  ['--result-backend <url>', 'Set LOVAGE_RESULT_BACKEND, or backend in lovage(name, { backend }).'],
  ['--loader <loader>', 'Drop it: -A or lovage.config.ts say what is loaded.'],
  ['--workdir <path>', 'Change to the directory first: cd <path> && lovage worker.'],
  ['-C, --no-color', 'Set NO_COLOR=1.'],
  ['-q, --quiet', 'Use -l error.'],
  ...OF_DAEMONS,
]

/** Those of `celery worker`. */
export const OF_WORKER: Refused = [
  ...OF_ALL,
  ['-s, --schedule <file>', IN_STORE],
  ['--schedule-filename <file>', IN_STORE],
  ['--scheduler <name>', AT_RUN_TIME],
  ['-D, --detach', 'Let systemd or supervisord keep it running, in the foreground.'],
  ['-S, --statedb <file>', 'Drop it: what is revoked is remembered elsewhere than in a file.'],
]

/** Those of `celery beat`. */
export const OF_BEAT: Refused = [
  ...OF_ALL,
  ['-s, --schedule <file>', IN_STORE],
  ['-S, --scheduler <name>', AT_RUN_TIME],
  ['--detach', 'Let systemd or supervisord keep it running, in the foreground.'],
]

/** The options, known so that they can be refused by name; they stand in no help. */
export function refusedOptions(refused: Refused): Option[] {
  return refused.map(([flags]) => new Option(flags).hideHelp())
}

/** Ends the command with what to use instead, when one of them was given. */
export function refuseCeleryOptions(command: Command, refused: Refused): void {
  for (const [flags, instead] of refused) {
    const name = new Option(flags).attributeName()
    if (command.getOptionValueSource(name) === 'cli')
      command.error(`error: ${flags} of Celery is not taken\n${instead}`)
  }
}
