import { InvalidArgumentError } from 'commander'
import { decodeJson } from '../protocol/json.ts'

/** How one argument is read. */
type Read = (text: string) => unknown

/** A command as the command line takes it: Celery's arguments, in Celery's order. */
export interface RemoteCommand {
  readonly summary: string
  /** Names on the wire, and how each is read. */
  readonly args: readonly (readonly [name: string, read: Read])[]
  /** All that follow, as a list of this name. */
  readonly rest?: string
  /** As help shows them. */
  readonly usage: string
  /** So many of `args` must be there. */
  readonly least?: number
}

const text: Read = (value) => value
const whole: Read = (value) => {
  if (/^\d+$/.test(value)) return Number(value)
  throw new InvalidArgumentError(`${value} is no whole number.`)
}
const seconds: Read = (value) => {
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value)
  throw new InvalidArgumentError(`${value} is no number of seconds.`)
}
const yes: Read = (value) => ['1', 'true', 'yes', 'on', 't', 'y'].includes(value.toLowerCase())
const stamps: Read = (value) => {
  try {
    return decodeJson(value)
  } catch {
    return [value]
  }
}

const plain = (summary: string): RemoteCommand => ({ summary, args: [], usage: '' })

/** Questions. */
export const QUESTIONS: Readonly<Record<string, RemoteCommand>> = {
  active: plain('tasks that run'),
  active_queues: plain('queues that are read'),
  clock: plain('the Lamport clock'),
  conf: { summary: 'settings', args: [['with_defaults', yes]], usage: '[with_defaults]' },
  memdump: { summary: "memory of Python's workers", args: [['samples', whole]], usage: '[samples]' },
  memsample: plain('memory that is used'),
  objgraph: {
    summary: "objects of Python's workers",
    args: [
      ['type', text],
      ['num', whole],
      ['max_depth', whole],
    ],
    usage: '[type [num [max_depth]]]',
  },
  ping: plain('who is there'),
  query_task: { summary: 'where tasks are', args: [], rest: 'ids', usage: '<id...>', least: 1 },
  registered: {
    summary: 'tasks that are known, with options that are named',
    args: [],
    rest: 'taskinfoitems',
    usage: '[option...]',
  },
  report: plain('versions, platform, settings'),
  reserved: plain('tasks that wait for a slot'),
  revoked: plain('ids that are revoked'),
  scheduled: plain('tasks that wait for their time'),
  stats: plain('what was done, and with what'),
}

/** Commands. */
export const ORDERS: Readonly<Record<string, RemoteCommand>> = {
  add_consumer: {
    summary: 'read a queue too',
    args: [
      ['queue', text],
      ['exchange', text],
      ['exchange_type', text],
      ['routing_key', text],
    ],
    usage: '<queue> [exchange [type [routing_key]]]',
    least: 1,
  },
  autoscale: {
    summary: 'keep the pool between two sizes',
    args: [
      ['max', whole],
      ['min', whole],
    ],
    usage: '[max [min]]',
  },
  cancel_consumer: { summary: 'read a queue no more', args: [['queue', text]], usage: '<queue>', least: 1 },
  disable_events: plain('tell no events of tasks'),
  election: plain('nothing, among our workers'),
  enable_events: plain('tell events of tasks'),
  heartbeat: plain('tell that they are there, now'),
  pool_grow: { summary: 'more slots, threads or processes', args: [['n', whole]], usage: '[count]' },
  pool_restart: plain('replace the processes of the pool'),
  pool_shrink: { summary: 'fewer of them', args: [['n', whole]], usage: '[count]' },
  rate_limit: {
    summary: 'how often a task may start',
    args: [
      ['task_name', text],
      ['rate_limit', text],
    ],
    usage: '<task> <rate, as in 5/s>',
    least: 2,
  },
  revoke: { summary: 'have tasks end that have not begun', args: [], rest: 'task_id', usage: '<id...>', least: 1 },
  revoke_by_stamped_headers: {
    summary: 'the same, by their stamps',
    args: [['headers', stamps]],
    usage: '<key=value or JSON>',
    least: 1,
  },
  shutdown: { summary: 'end: warmly, or as it says', args: [['how', text]], usage: '[warm, soft or cold]' },
  terminate: {
    summary: 'end tasks, those that run too',
    args: [['signal', text]],
    rest: 'task_id',
    usage: '<signal> <id...>',
    least: 2,
  },
  time_limit: {
    summary: 'how long a task may take',
    args: [
      ['task_name', text],
      ['soft', seconds],
      ['hard', seconds],
    ],
    usage: '<task> <soft seconds> [hard seconds]',
    least: 2,
  },
}

/** The arguments of a command as they travel. @throws InvalidArgumentError */
export function argumentsOf(command: RemoteCommand, words: readonly string[]): Record<string, unknown> {
  const { args, rest, least = 0, usage } = command
  if (words.length < least) throw new InvalidArgumentError(`It takes ${usage}.`)
  if (words.length > args.length && rest === undefined) {
    throw new InvalidArgumentError(usage === '' ? 'It takes no arguments.' : `It takes ${usage}.`)
  }
  const given: Record<string, unknown> = {}
  for (const [at, [name, read]] of args.entries()) {
    const word = words[at]
    if (word !== undefined) given[name] = read(word)
  }
  if (rest !== undefined) given[rest] = words.slice(args.length)
  return given
}
