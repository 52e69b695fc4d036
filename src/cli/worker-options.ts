import { InvalidArgumentError, Option, type Command } from 'commander'
import type { WorkerProcess } from '../app/config.ts'
import { queuesRead } from '../app/queues.ts'
import { isLovageError, LovageError } from '../base/errors.ts'
import { poolKind, type PoolName } from '../pool/open.ts'
import { names, positive, wait, type ServiceOptions } from './command-options.ts'
import type { Target } from './target.ts'
import type { WorkerChoice } from './worker-choice.ts'

/** What the command line says of a worker. */
export interface WorkerFlags extends ServiceOptions {
  readonly queues?: readonly string[]
  readonly excludeQueues?: readonly string[]
  /** Modules. */
  readonly include?: readonly string[]
  readonly purge?: boolean
  readonly discard?: boolean
  readonly pool?: PoolName
  readonly concurrency?: number
  readonly perChild?: number
  readonly maxTasksPerChild?: number
  /** KiB. */
  readonly maxMemoryPerChild?: number
  readonly prefetch?: number
  readonly prefetchMultiplier?: number
  readonly O?: 'default' | 'fair'
  readonly disablePrefetch?: boolean
  readonly autoscale?: { readonly max: number; readonly min: number }
  readonly disableRateLimits?: boolean
  readonly hostname?: string
  /** Milliseconds, and all that follow. */
  readonly timeLimit?: number
  readonly softTimeLimit?: number
  readonly gracePeriod?: number
  readonly softShutdownTimeout?: number
  readonly heartbeatInterval?: number
  readonly taskEvents?: boolean
  readonly events?: boolean
  /** The beat of the configuration runs in this process too. */
  readonly beat?: boolean
  readonly withoutMingle?: boolean
  readonly withoutHeartbeat?: boolean
  /** There is none: it changes nothing. */
  readonly withoutGossip?: boolean
}

/** Adds the options of a worker: Celery's under Celery's names, and ours. */
export function addWorkerOptions(command: Command): Command {
  const options: readonly Option[] = [
    new Option('-Q, --queues <names>', 'queues to read, with commas between').argParser(names),
    new Option('-X, --exclude-queues <names>', 'queues of those that it would read, which it does not').argParser(
      names,
    ),
    new Option('-I, --include <modules>', 'modules that define further tasks, with commas between').argParser(names),
    new Option('--purge', 'drop all that waits in its queues before it starts'),
    new Option('--discard', 'the same'),
    new Option('-P, --pool <name>', "async (Celery's gevent, eventlet, solo), threads, processes (prefork)").argParser(
      pool,
    ),
    new Option(
      '-c, --concurrency <count>',
      'tasks at once in pool async, else threads or processes (default: 100, else the cores)',
    ).argParser(positive),
    new Option('--per-child <count>', 'tasks at once in each thread or process (default: 1)').argParser(positive),
    new Option('--max-tasks-per-child <count>', 'replace a thread or process after so many tasks').argParser(positive),
    new Option(
      '--max-memory-per-child <kib>',
      'replace a thread or process of more than so many KiB, between two tasks',
    ).argParser(positive),
    new Option(
      '--prefetch <count>',
      'most messages held, running ones included (default: one more than there are slots)',
    ).argParser(positive),
    new Option(
      '--prefetch-multiplier <factor>',
      'the same, as a multiple of the slots; 0: up to the high water mark beyond them',
    ).argParser(wholeNumber),
    new Option('-O <profile>', 'fair: take no message before there is a slot for it').choices(['default', 'fair']),
    new Option('--disable-prefetch', 'the same as -O fair'),
    new Option('--autoscale <max,min>', 'keep the pool between two sizes, in place of -c').argParser(autoscale),
    new Option('--disable-rate-limits', 'start tasks without regard to their rate limits'),
    new Option('--time-limit <time>', 'end a task after so long, where neither it nor its call says').argParser(wait),
    new Option(
      '--soft-time-limit <time>',
      'abort the signal of a task after so long, where neither it nor its call says',
    ).argParser(wait),
    new Option('-n, --hostname <name>', 'name of this worker; %h host, %n its first part, %d its domain'),
    new Option('--grace-period <time>', 'what runs has so long to end on SIGTERM (default: 30s)').argParser(wait),
    new Option(
      '--soft-shutdown-timeout <time>',
      'what runs has so long to end on SIGQUIT or a second signal (default: 0)',
    ).argParser(wait),
    new Option('-B, --beat', 'run the beat in this process too; each tick is sent once, however many workers do so'),
    new Option('-E, --task-events', 'tell what happens to each task, for lovage events, celery events and Flower'),
    new Option('--events', 'the same'),
    new Option('--heartbeat-interval <time>', 'tell that often that it is alive (default: 2s)').argParser(wait),
    new Option('--without-heartbeat', 'never tell that it is alive'),
    new Option('--without-mingle', 'do not ask the other workers at the start which tasks are revoked'),
    new Option('--without-gossip', 'taken, and without effect: workers here do not gossip'),
  ]
  for (const option of options) command.addOption(option)
  return command
}

/**
 * What a worker is made with: the command line over the configuration.
 * @throws LovageError `OPTION_INVALID` where all queues are excluded
 */
export function workerChoice(
  flags: WorkerFlags,
  configured: WorkerProcess | undefined,
  { app, taskFiles }: Pick<Target, 'app' | 'taskFiles'>,
): WorkerChoice {
  const { excludeQueues: excluded, maxMemoryPerChild: kib } = flags
  const queues = flags.queues ?? configured?.queues ?? queuesRead(app.settings)
  const left = excluded ? queues.filter((queue) => !excluded.includes(queue)) : queues
  if (left.length === 0) {
    const problem = `leaves none of ${queues.join(', ')}`
    const fix = 'Exclude fewer, or name others with -Q'
    throw new LovageError('OPTION_INVALID', { option: '-X', where: 'lovage worker', problem, fix })
  }
  return {
    queues: left,
    concurrency: flags.concurrency ?? (flags.autoscale ? undefined : configured?.concurrency),
    autoscale: flags.autoscale,
    pool: flags.pool ?? configured?.pool,
    perChild: flags.perChild,
    maxTasksPerChild: flags.maxTasksPerChild,
    maxMemoryPerChild: kib === undefined ? undefined : kib * 1024,
    prefetch: flags.prefetch,
    prefetchMultiplier: flags.prefetchMultiplier,
    fair: flags.O === 'fair' || flags.disablePrefetch,
    disableRateLimits: flags.disableRateLimits,
    timeLimit: flags.timeLimit,
    softTimeLimit: flags.softTimeLimit,
    hostname: flags.hostname,
    gracePeriod: flags.gracePeriod,
    softShutdownTimeout: flags.softShutdownTimeout,
    mingle: flags.withoutMingle ? false : undefined,
    events: flags.taskEvents || flags.events,
    heartbeatInterval: flags.withoutHeartbeat ? 0 : flags.heartbeatInterval,
    module: taskFiles,
  }
}

function pool(name: string): PoolName {
  try {
    poolKind(name)
    return name as PoolName
  } catch (error) {
    throw new InvalidArgumentError(isLovageError(error) ? `${error.message}. ${error.fix}.` : String(error))
  }
}

function wholeNumber(value: string): number {
  if (!/^\d+$/.test(value)) throw new InvalidArgumentError('Write a whole number, 0 or more.')
  return Number(value)
}

/** As Celery reads it, but that one slot is left at least. */
function autoscale(value: string): { max: number; min: number } {
  const [, one, other = '1'] = /^(\d+)(?:,(\d+))?$/.exec(value) ?? []
  if (one === undefined) throw new InvalidArgumentError('Write the most and the least, as in 10,2.')
  // Celery takes them in either order.
  return { max: Math.max(1, Number(one), Number(other)), min: Math.max(1, Math.min(Number(one), Number(other))) }
}
