import { type Duration, milliseconds } from '../base/duration.ts'
import { LovageError } from '../base/errors.ts'
import { type Addressed, type Asker, type NodeReply, type Patience } from '../fleet/ask.ts'
import { shown } from './check.ts'
import { Inspect, type InspectOptions } from './inspect.ts'

export type { NodeReply }

/** Whom a command is for, and whether they answer. */
export interface ControlOptions {
  /** Names of worker nodes, `celery@host` say, one at least. Default: all. */
  readonly destination?: string | readonly string[]
  /** With `matcher`, not without: the nodes whose names it matches. */
  readonly pattern?: string
  /** `'glob'`: `worker-*@host`; `'pcre'`: a regular expression. */
  readonly matcher?: 'glob' | 'pcre'
  /** Wait for answers. Default false, but for `ping`. */
  readonly reply?: boolean
  /** It ends when nobody has answered for so long. Default `'1s'`. */
  readonly timeout?: Duration
  /** It ends with so many answers. Default: as many as there are destinations. */
  readonly limit?: number
  /** Called with each answer as it comes. */
  readonly onReply?: (reply: NodeReply) => void
}

/** How a queue that a worker is to read is bound. */
export interface AddConsumerOptions extends ControlOptions {
  /** Default: one of the name of the queue. */
  readonly exchange?: string
  /** Default `'direct'`. */
  readonly exchangeType?: 'direct' | 'topic' | 'fanout'
  /** Default: the name of the queue. */
  readonly routingKey?: string
}

/** How tasks are ended. */
export interface TerminateOptions extends ControlOptions {
  /** `SIGTERM`, `KILL`, ...: what Python's workers send to the process. Default `'SIGTERM'`. */
  readonly signal?: string
}

/** How tasks are abandoned. */
export interface AbandonOptions extends ControlOptions {
  /** Until when it must be remembered, epoch ms: the latest of their deadlines, say. Default: three hours. */
  readonly untilMs?: number | undefined
}

/** How workers end. */
export interface ShutdownOptions extends ControlOptions {
  /** How much time what runs has: the steps of `worker.stop`. Default `'warm'`. */
  readonly how?: 'warm' | 'soft' | 'cold'
}

/** What travels: a command and its arguments, under Celery's names. */
export interface BroadcastOptions extends ControlOptions {
  readonly arguments?: Readonly<Record<string, unknown>>
}

type Replies = Promise<readonly NodeReply[]>

/**
 * Remote control: commands to the workers of a broker, ours and Python's. Each resolves when the broker has the command,
 * to no answers; with `reply` when the workers have answered. A worker that could not do it answers `{ error: ... }`.
 *
 * All throw `BROKER_UNREACHABLE`, `BROKER_CLOSED`, and `OPTION_INVALID` for options that are none.
 */
export class Control {
  readonly #asker: Asker

  /** Made by the application. */
  constructor(asker: Asker) {
    this.#asker = asker
  }

  /** Questions to workers: `await app.control.inspect().active()`. */
  inspect(options: InspectOptions = {}): Inspect {
    return new Inspect((command, given) => this.broadcast(command, { ...options, reply: true, arguments: given }))
  }

  /** Any command by its name on the wire, with its arguments as they are there. */
  async broadcast(command: string, { arguments: given = {}, ...options }: BroadcastOptions = {}): Replies {
    const { to, patience } = checked(options)
    if (options.reply === true) return this.#asker.ask(command, given, to, patience)
    await this.#asker.tell(command, given, to)
    return []
  }

  /** Who is there: each worker answers `{ ok: 'pong' }`. */
  ping(options: Omit<ControlOptions, 'reply'> = {}): Replies {
    return this.broadcast('ping', { ...options, reply: true })
  }

  /**
   * Has tasks end that have not begun, wherever they are: every worker remembers their ids. With `terminate` those that run
   * are ended too.
   */
  revoke(ids: string | readonly string[], options: TerminateOptions & { readonly terminate?: boolean } = {}): Replies {
    const { terminate = false, signal = 'SIGTERM', ...rest } = options
    return this.broadcast('revoke', { ...rest, arguments: { task_id: ids, terminate, signal } })
  }

  /**
   * Has tasks end that nobody waits for any more: as `revoke`, and those that run and are marked `abandonable` see their
   * signal abort. Python's workers do as with `revoke`.
   */
  abandon(ids: string | readonly string[], options: AbandonOptions = {}): Replies {
    const { untilMs, ...rest } = options
    const given = {
      task_id: ids,
      terminate: false,
      signal: 'SIGTERM',
      abandon: true,
      ...(untilMs && { until: untilMs }),
    }
    return this.broadcast('revoke', { ...rest, arguments: given })
  }

  /** The same for all tasks that bear one of these stamps: `{ user: ['ann', 'bob'] }`. */
  revokeByStampedHeaders(
    headers: Readonly<Record<string, string | readonly string[]>>,
    options: TerminateOptions & { readonly terminate?: boolean } = {},
  ): Replies {
    const { terminate = false, signal = 'SIGTERM', ...rest } = options
    return this.broadcast('revoke_by_stamped_headers', { ...rest, arguments: { headers, terminate, signal } })
  }

  /** Ends tasks, those that run too. */
  terminate(ids: string | readonly string[], options: TerminateOptions = {}): Replies {
    return this.revoke(ids, { ...options, terminate: true })
  }

  /** How often a task may start in each worker: `'10/s'`, `'100/m'`, or a number a second; 0: any number. */
  rateLimit(task: string, rate: string | number, options: ControlOptions = {}): Replies {
    return this.broadcast('rate_limit', { ...options, arguments: { task_name: task, rate_limit: rate } })
  }

  /** Time limits of a task in each worker, for calls that name none; left out: none. */
  async timeLimit(
    task: string,
    { soft, hard, ...options }: ControlOptions & { readonly soft?: Duration; readonly hard?: Duration } = {},
  ): Replies {
    const given = { task_name: task, hard: secondsOf('hard', hard), soft: secondsOf('soft', soft) }
    return this.broadcast('time_limit', { ...options, arguments: given })
  }

  /** Has workers read a queue too. */
  addConsumer(queue: string, options: AddConsumerOptions = {}): Replies {
    const { exchange = null, exchangeType = 'direct', routingKey = null, ...rest } = options
    const given = { queue, exchange, exchange_type: exchangeType, routing_key: routingKey }
    return this.broadcast('add_consumer', { ...rest, arguments: given })
  }

  /** Has workers read a queue no more. */
  cancelConsumer(queue: string, options: ControlOptions = {}): Replies {
    return this.broadcast('cancel_consumer', { ...options, arguments: { queue } })
  }

  /** Has workers tell of each task by events. */
  enableEvents(options: ControlOptions = {}): Replies {
    return this.broadcast('enable_events', options)
  }

  /** Has them stop that. */
  disableEvents(options: ControlOptions = {}): Replies {
    return this.broadcast('disable_events', options)
  }

  /** Adds so many slots, threads or processes to the pool of each worker. */
  poolGrow(count = 1, options: ControlOptions = {}): Replies {
    return this.broadcast('pool_grow', { ...options, arguments: { n: count } })
  }

  /** Takes them away, all but one. */
  poolShrink(count = 1, options: ControlOptions = {}): Replies {
    return this.broadcast('pool_shrink', { ...options, arguments: { n: count } })
  }

  /** Between which sizes the pools are kept, of workers that were started so. */
  autoscale(max: number, min: number, options: ControlOptions = {}): Replies {
    return this.broadcast('autoscale', { ...options, arguments: { max, min } })
  }

  /** Has workers replace the processes or threads of their pools, where they were started with `poolRestarts`. */
  poolRestart({
    modules = null,
    reload = false,
    ...options
  }: ControlOptions & { readonly modules?: readonly string[] | null; readonly reload?: boolean } = {}): Replies {
    return this.broadcast('pool_restart', { ...options, arguments: { modules, reload, reloader: null } })
  }

  /** Has workers end; they do not answer. `soft` and `cold` are for our workers: Python's end warmly in any case. */
  shutdown({ how = 'warm', ...options }: ShutdownOptions = {}): Replies {
    return this.broadcast('shutdown', { ...options, ...(how !== 'warm' && { arguments: { how } }) })
  }

  /** Has workers send the event `worker-heartbeat` now. They do not answer. */
  heartbeat(options: ControlOptions = {}): Replies {
    return this.broadcast('heartbeat', options)
  }
}

function checked(options: ControlOptions): { to: Addressed; patience: Patience } {
  const { destination, pattern, matcher, timeout = '1s', limit, onReply } = options
  const names = typeof destination === 'string' ? [destination] : destination
  if (names !== undefined && !(Array.isArray(names) && names.every((name) => typeof name === 'string'))) {
    throw invalid('destination', `must be names of nodes, and is ${shown(destination)}`, "Write ['celery@host']")
  }
  // Celery's workers take a list without names, or half of a pattern, for none: all of them would do it.
  if (names?.length === 0) throw invalid('destination', 'names nobody', 'Leave it out where all workers are meant')
  if ((pattern === undefined || pattern === '') !== (matcher === undefined)) {
    const [option, fix] =
      matcher === undefined ? ['matcher', "Write 'glob' or 'pcre'"] : ['pattern', "Write 'worker-*'"]
    throw invalid(option, 'is missing, and the other is there', `${fix}, or leave both out`)
  }
  if (matcher !== undefined && matcher !== 'glob' && matcher !== 'pcre') {
    throw invalid('matcher', `is ${shown(matcher)}`, "Write 'glob' or 'pcre'")
  }
  if (limit !== undefined && (!Number.isSafeInteger(limit) || limit < 1)) {
    throw invalid('limit', `is ${shown(limit)}`, 'Write a whole number, 1 or more')
  }
  return {
    to: { destination: names, pattern, matcher },
    patience: { timeoutMs: milliseconds(timeout), limit, onReply },
  }
}

function secondsOf(option: string, given: Duration | undefined): number | null {
  if (given === undefined) return null
  const ms = milliseconds(given)
  if (ms > 0) return ms / 1000
  throw invalid(option, 'is no time', 'Leave it out where there is to be no limit')
}

function invalid(option: string, problem: string, fix: string): LovageError {
  return new LovageError('OPTION_INVALID', { option, where: 'app.control', problem, fix })
}
