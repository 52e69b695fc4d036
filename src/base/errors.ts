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
    message: 'Content type {contentType} is not accepted',
    fix: 'Send JSON (task_serializer = "json"); accepted here: {accepted}',
  },
  ENCODE_FAILED: {
    message: 'The value at {path} cannot be encoded: {problem}',
    fix: 'Send plain data: text, numbers, booleans, null, lists, objects, dates, bytes',
  },
  TASK_UNKNOWN: {
    message: 'Task {task} is not registered',
    fix: 'Import the module that defines it in the worker (tasks in lovage.config.ts, or -A), or correct the name',
  },
  DELIVERIES_EXHAUSTED: {
    message: 'Task {task} came back {starts} times without an end: maxDeliveries is {limit}',
    fix: 'Find what kills its workers (memory, native code, process.exit), mend it, then lovage dead requeue',
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
    message: 'Task {task} carries a {form}, which this version does not run',
    fix: 'Send the task alone, or run it on a Python worker',
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
  BODY_INVALID: {
    message: 'The request body is not valid {expected}: {problem}',
    fix: 'Send a body that matches its Content-Type',
  },
  BODY_TOO_LARGE: {
    message: 'The request body is larger than {limit} bytes',
    fix: 'Send less, or raise bodyLimit of the gateway',
  },
  HOST_REFUSED: {
    message: 'Host {host} is not on the allow-list',
    fix: 'Add it to allowedHosts of the gateway',
  },
  REQUEST_INVALID: {
    message: 'The request is not valid HTTP: {problem}',
    fix: 'See what the client sends',
  },
  REQUEST_TIMEOUT: {
    message: 'The request did not arrive whole in time',
    fix: 'Send it faster, or raise headersTimeout and requestTimeout of the gateway',
  },
  HEADERS_TOO_LARGE: {
    message: 'The request headers are larger than {limit} bytes',
    fix: 'Send less, or raise maxHeaderSize of the gateway',
  },
  URL_INVALID: {
    message: 'The path of the request is not valid: {problem}',
    fix: 'Send a path that begins with / and whose escapes are UTF-8',
  },
  URL_TOO_LONG: {
    message: 'The path of the request is longer than {limit} bytes',
    fix: 'Send the data in the body, or raise maxUrlLength of the gateway',
  },
  MEDIA_TYPE_UNSUPPORTED: {
    message: 'A body of type {contentType} is not read here',
    fix: "Send JSON, a form, text, XML or application/octet-stream; or give the route body: 'raw'",
  },
  ROUTE_UNKNOWN: {
    message: 'There is no {method} {path}',
    fix: 'Bind a route to it, or correct the request',
  },
  HANDLER_FAILED: {
    message: 'The code behind {route} failed: {problem}',
    fix: 'Mend the function that the route was given; the log has where it failed',
  },
  CLIENT_GONE: {
    message: 'The client hung up before it was answered',
    fix: 'Nothing here; if it happens often, the client waits for less time than the tasks take',
  },
  RESULT_UNKNOWN: {
    message: 'Nothing is known of task {id}',
    fix: 'Ask the process that sent it, ask sooner, or use a result backend that stores results',
  },
  GATEWAY_STOPPING: {
    message: 'The gateway is stopping and takes no new requests',
    fix: 'Send it again: to another gateway, or in a moment',
  },
  LISTEN_FAILED: {
    message: 'Cannot listen on {host} port {port}: {problem}',
    fix: 'Use a host of this machine, and a port that this user may open',
  },
  OVERLOADED: {
    message: '{inFlight} requests are in flight, the limit',
    fix: 'Try again later, raise maxInFlight, or add workers',
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
