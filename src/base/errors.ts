import { DASHBOARD_ERRORS } from './dashboard-errors.ts'
import { HTTP_ERRORS } from './http-errors.ts'
import { SUPERVISOR_ERRORS } from './supervisor-errors.ts'
import { fill } from './text-of.ts'

export { messageOf } from './text-of.ts'

/**
 * The one table of error codes. `docs/errors.md` has a heading for each row; a test holds the two equal.
 *
 * `message` and `fix` are templates: `{name}` is replaced by the detail of that name. `fix` says what to do next.
 */
export const ERRORS = {
  SETTING_INVALID: {
    message: 'Setting {option} (from {source}) {problem}',
    fix: '{fix}',
  },
  SETTING_UNKNOWN: {
    message: 'There is no setting {option} (from {source})',
    fix: '{fix}',
  },
  OPTION_INVALID: {
    message: 'Option {option} of {where} {problem}',
    fix: '{fix}',
  },
  DURATION_INVALID: {
    message: '{value} is not a duration',
    fix: "Write a number of milliseconds, or a text like '250ms', '10s', '5m', '2h' or '1d'",
  },
  SCHEDULE_INVALID: {
    message: 'The schedule of {entry} cannot be kept: {field} {problem}',
    fix: '{fix}',
  },
  SCHEDULE_UNKNOWN: {
    message: 'The schedules of {ledger} have no entry {entry}',
    fix: '{fix}',
  },
  URL_UNSUPPORTED: {
    message: 'No {seam} speaks {scheme}',
    fix: 'Use one of: {known}',
  },
  BROKER_UNREACHABLE: {
    message: 'The broker at {url} cannot be reached: {problem}',
    fix: 'Start it, or point LOVAGE_BROKER_URL at one that runs; `lovage doctor` shows what is wrong',
  },
  BROKER_REFUSED: {
    message: 'The broker at {url} refused us: {problem}',
    fix: 'Check user, password and virtual host in the broker URL',
  },
  BACKEND_UNREACHABLE: {
    message: 'The result backend at {url} cannot be reached: {problem}',
    fix: 'Start it, or point LOVAGE_RESULT_BACKEND at one that runs; `lovage doctor` shows what is wrong',
  },
  BACKEND_REFUSED: {
    message: 'The result backend at {url} refused us: {problem}',
    fix: 'Check user, password and database in its URL, and that it has room',
  },
  BROKER_CLOSED: {
    message: 'The connection to the broker is closed',
    fix: 'Start the application again, or call before stop()',
  },
  WIRE_INVALID: {
    message: 'The broker sent what AMQP 0-9-1 does not allow: {problem}',
    fix: 'See that the URL names an AMQP 0-9-1 port, and that nothing between here and there changes bytes',
  },
  HOME_UNUSABLE: {
    message: 'The data directory {path} cannot be used: {problem}',
    fix: '{fix}',
  },
  HOME_OWNED: {
    message: 'The data directory {path} may still be in use by {owner}',
    fix: 'Stop that process, or give this one a LOVAGE_HOME of its own; if that machine is gone for good, delete {record}',
  },
  TOPOLOGY_MISMATCH: {
    message: 'The broker has {entity} with other properties: {problem}',
    fix: 'Declare it as it is there, delete it on the broker, or use another name',
  },
  TOPOLOGY_MISSING: {
    message: 'There is no {entity} on the broker',
    fix: 'Declare it first, or correct the name',
  },
  PUBLISH_TIMEOUT: {
    message: 'The broker did not confirm the message within {timeoutMs} ms',
    fix: 'See that the broker runs and is not blocked by an alarm; raise publishTimeout if it is only slow',
  },
  PUBLISH_REFUSED: {
    message: 'The broker refused the message: {problem}',
    fix: 'Drain the queue or raise its limit (x-overflow: reject-publish), or make room on the disk of the broker',
  },
  UNROUTABLE: {
    message: 'No queue takes messages for exchange {exchange} with routing key {routingKey}',
    fix: 'Declare the queue first, or start a worker that reads it',
  },
  MESSAGE_TOO_LARGE: {
    message: 'The message has {size} bytes, more than the limit of {limit}',
    fix: 'Send a reference to the data instead, or raise maxMessageBytes',
  },
  MESSAGE_INVALID: {
    message: 'The message is not a task message: {problem}',
    fix: 'Send it with a Celery client (message protocol 1 or 2) or with Lovage',
  },
  BODY_UNDECODABLE: {
    message: 'The body cannot be decoded as {contentType}: {problem}',
    fix: 'See that content type and encoding of the producer say what the body is',
  },
  CONTENT_REFUSED: {
    message: 'Content type {contentType}{sender} is not accepted',
    fix: 'Send JSON (task_serializer = "json"), or add the type to acceptContent (never pickle); accepted here: {accepted}',
  },
  ENCODE_FAILED: {
    message: 'The value at {path} cannot be encoded: {problem}',
    fix: 'Send plain data: text, numbers, booleans, null, lists, objects, dates, bytes',
  },
  TASK_UNKNOWN: {
    message: 'Task {task} is not registered',
    fix: 'Import the module that defines it in the worker (tasks in lovage.config.ts, or -A), or correct the name',
  },
  QUEUE_UNKNOWN: {
    message: 'Queue {queue}, of {where}, is none of the setting queues',
    fix: 'Use one of {known}, add it to queues, or take out createMissingQueues: false',
  },
  ROUTE_INVALID: {
    message: 'A function of the setting routes sends task {task} where it cannot go: it {problem}',
    fix: '{fix}',
  },
  WORKER_STOPPED: {
    message: 'The worker does not run: it cannot be {what}',
    fix: 'Start it first; its size at the start is the option concurrency',
  },
  AUTOSCALE_ON: {
    message: 'The pool cannot be given a size by hand: autoscale is on',
    fix: 'Change the range: worker.autoscale(max, min)',
  },
  DELIVERIES_EXHAUSTED: {
    message: 'Task {task} came back {starts} times without an end: maxDeliveries is {limit}',
    fix: 'Find what kills its workers (memory, native code, process.exit), mend it, then lovage dead requeue',
  },
  CHILD_LOST: {
    message: 'Task {task}[{id}] was lost: {problem}',
    fix: 'Find what ends it (memory, native code, process.exit, an error that nobody catches), mend it, then lovage dead requeue',
  },
  CHILD_UNFIT: {
    message: 'The threads or processes of the pool cannot run the tasks: {problem}',
    fix: '{fix}',
  },
  RESOURCE_FAILED: {
    message: 'Resource {resource} could not be opened: {problem}',
    fix: "Mend what its open function needs; a task with retryOn: ['RESOURCE_FAILED'] is tried again by itself",
  },
  TASK_DUPLICATE: {
    message: 'Task {task} is defined twice',
    fix: 'Give one of the two another name',
  },
  TASK_FAILED: {
    message: 'Task {task}[{id}] failed: {problem}',
    fix: 'The cause is what the task threw; see the log of the worker',
  },
  TASK_REVOKED: {
    message: 'Task {task}[{id}] was revoked: {problem}',
    fix: 'It expired or was revoked before it could run',
  },
  TASK_REJECTED: {
    message: 'Task {task}[{id}] rejected its message: {problem}',
    fix: 'See why the task throws Reject; `lovage dead requeue` sends the message once more',
  },
  TASK_LOCAL_MISSING: {
    message: 'Task {task} lives elsewhere and cannot be called here',
    fix: 'Send it with delay() or applyAsync()',
  },
  ARGUMENTS_INVALID: {
    message: 'Task {task} does not take these arguments: {problem}',
    fix: 'Call it with the arguments of its definition',
  },
  CANVAS_UNSUPPORTED: {
    message: 'Task {task} is part of a chord, and nothing here can count its parts',
    fix: "Add store: 'redis://...' to the settings of the workers, or use results in Redis",
  },
  RESULT_TIMEOUT: {
    message: 'No result of task {id} within {timeoutMs} ms',
    fix: 'See that a worker reads the queue; raise the timeout if the task is only slow',
  },
  RESULT_IGNORED: {
    message: 'Task {id} was sent with ignoreResult, so it has no result',
    fix: 'Send it without ignoreResult, or do not ask for the result',
  },
  RESULT_FORGOTTEN: {
    message: 'The result of task {id} is no longer held here: {problem}',
    fix: 'Ask sooner, or use a result backend that stores results',
  },
  CURRENT_TASK_NONE: {
    message: 'currentTask() was called outside of a task',
    fix: 'Call it inside the function of a task while it runs',
  },
  MODULE_FAILED: {
    message: 'Module {module} could not be loaded: {problem}',
    fix: 'Mend the module at {at}',
  },
  CONFIG_NOT_FOUND: {
    message: 'No configuration found: {problem}',
    fix: 'Write a lovage.config.ts, or name the module of your tasks with -A',
  },
  PORT_IN_USE: {
    message: 'Port {port} on {host} is taken',
    fix: 'Choose another with --port, LOVAGE_PORT or port in lovage.config.ts',
  },
  ...HTTP_ERRORS,
  ...SUPERVISOR_ERRORS,
  ...DASHBOARD_ERRORS,
  STREAM_RESTARTED: {
    message: 'Task {id} was run again and yields something else: its parts from number {from} on are void',
    fix: 'Drop what you have got of them and read again, or give stream() an onRestart',
  },
  STREAM_GAPPED: {
    message: 'The parts of task {id} up to number {through} are not kept any more',
    fix: 'Read sooner, raise keep or keepFor of its option stream, or give stream() an onGap',
  },
  CAPABILITY_MISSING: {
    message: '{what} needs {needs}, which {kind} does not have',
    fix: '{fix}',
  },
  STORE_UNREACHABLE: {
    message: 'The store did not answer: {problem}',
    fix: 'See that it runs. Whether the change was made is not known: read, or ask again',
  },
  STORE_REFUSED: {
    message: 'The store at {url} refused: {problem}',
    fix: 'See its password and what its user may do; that it is the server that was meant, and new enough',
  },
  STORE_FULL: {
    message: 'The store is full: {problem}',
    fix: 'Keep less, keep it for a shorter time, or make room where the store keeps it',
  },
  STORE_VALUE_TOO_LARGE: {
    message: 'The value for {key} has {size} bytes, more than the limit of {limit}',
    fix: 'Keep a reference to the data instead, or raise maxMessageBytes',
  },
  STORE_CLOSED: {
    message: 'The store is closed',
    fix: 'Start the application again, or call before stop()',
  },
  SIMULATION_FAILED: {
    message: 'The schedule of seed {seed} broke a promise: {problem}{misfortune}{trace}',
    fix: 'Repeat it with simulate({ ..., seed: {seed}, schedules: 1, strikes: [{strikes}] })',
  },
  STOP_TIMEOUT: {
    message: '{what} did not stop within {timeoutMs} ms',
    fix: 'See what still runs; raise the grace period',
  },
} as const satisfies Record<string, { message: string; fix: string }>

/** A code of the error table, e.g. `'UNROUTABLE'`. */
export type ErrorCode = keyof typeof ERRORS

/** What fills the placeholders of an error's templates. */
export type ErrorDetails = Readonly<Record<string, unknown>>

/**
 * Every error that Lovage throws by itself. `code` is stable across versions; `message` and `fix` are for people.
 */
export class LovageError extends Error {
  /** The row of the error table; stable, made to be compared. */
  readonly code: ErrorCode
  /** What to do next, in one sentence. */
  readonly fix: string
  /** The values behind the message. Secrets are redacted before they come here. */
  readonly details: ErrorDetails

  constructor(code: ErrorCode, details: ErrorDetails = {}, options: { cause?: unknown } = {}) {
    super(fill(ERRORS[code].message, details), options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'LovageError'
    this.code = code
    this.fix = fill(ERRORS[code].fix, details)
    this.details = details
  }
}

/** Whether `error` is a {@link LovageError}, of `code` where one is given. Works across copies of the package. */
export function isLovageError(error: unknown, code?: ErrorCode): error is LovageError {
  if (!(error instanceof Error) || error.name !== 'LovageError' || !('code' in error)) return false
  return code === undefined || error.code === code
}
