import { Option, type Command } from 'commander'

/** Options of `celery worker` that this version does not take, and the nearest there is. */
const REFUSED: readonly (readonly [flags: string, instead: string])[] = [
  ['-B, --beat', "There is no scheduler yet: run Celery's beat beside it, it sends on the same wire."],
  ['-E, --task-events', 'There are no events yet: --log-format json tells of each task.'],
  ['--events', 'There are no events yet: --log-format json tells of each task.'],
  ['-O <profile>', 'Drop it: messages are never reserved for a busy child here, which is what -O fair is for.'],
  ['--autoscale <max,min>', 'Use -c: async tasks cost nothing while they wait, so give it the maximum.'],
  ['--prefetch-multiplier <factor>', 'Use --prefetch <count>: the multiplier times the concurrency.'],
  ['--max-tasks-per-child <count>', 'Drop it: the async pool has no children to replace.'],
  [
    '--max-memory-per-child <kib>',
    'Drop it: the async pool has no children; limit the memory of the whole process from outside.',
  ],
  ['--time-limit <seconds>', "Give the task timeLimit: app.task(name, { timeLimit: '30s' }, fn)."],
  ['--soft-time-limit <seconds>', "Give the task softTimeLimit: app.task(name, { softTimeLimit: '20s' }, fn)."],
  ['-D, --detach', 'Let systemd or supervisord keep it running, in the foreground.'],
  ['-f, --logfile <file>', 'Redirect stderr, where the log goes: 2>worker.log.'],
  ['--pidfile <file>', 'Let systemd or supervisord keep it running; they know its pid.'],
  ['--uid <user>', 'Let systemd or supervisord set the user.'],
  ['--gid <group>', 'Let systemd or supervisord set the group.'],
  ['--umask <mask>', 'Let systemd or supervisord set the umask.'],
  ['--executable <path>', 'Start it with the Node that is to run it.'],
  ['-X, --exclude-queues <names>', 'Name the queues to read with -Q.'],
  ['-I, --include <modules>', 'Name further modules as tasks in lovage.config.ts, or import them in the module of -A.'],
  ['--purge', 'Use lovage purge <queue> --yes before it starts.'],
  ['--discard', 'Use lovage purge <queue> --yes before it starts.'],
  ['-S, --statedb <file>', 'Drop it: nothing is revoked yet that a file would have to remember.'],
  ['-s, --schedule <file>', 'There is no scheduler yet.'],
  ['--scheduler <name>', 'There is no scheduler yet.'],
  ['--without-gossip', 'Drop it: there is no gossip yet.'],
  ['--without-mingle', 'Drop it: workers do not mingle.'],
  ['--without-heartbeat', 'Drop it: there are no event heartbeats yet.'],
  ['--heartbeat-interval <seconds>', 'Drop it: there are no event heartbeats yet.'],
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
