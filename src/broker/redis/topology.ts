import { LovageError, messageOf } from '../../base/errors.ts'
import { log } from '../../base/log.ts'
import { type HeaderValue, plainHeader, WireValue } from '../../protocol/headers.ts'
import type { BindingSpec, ExchangeSpec, QueueSpec, Topology } from '../broker.ts'
import { checkHeaders } from '../check-headers.ts'
import { exchangeMismatch, queueArguments, queueMismatch } from '../queue-arguments.ts'
import { QUEUES } from './queue-scripts.ts'
import { isLost, isPassing } from '../../base/redis/redis-errors.ts'
import { serverError } from './redis-errors.ts'
import type { RedisLink } from './redis-link.ts'

/** Arguments of queues that Redis needs not: they say how RabbitMQ keeps a queue, not what happens to messages. */
const NEEDLESS = ['x-queue-type', 'x-queue-mode', 'x-queue-version', 'x-queue-leader-locator', 'x-queue-master-locator']

/** Arguments that hold here. */
const HELD = ['x-expires', 'x-message-ttl', 'x-max-length', 'x-max-priority', 'x-overflow']

export interface DeclareContext {
  readonly link: RedisLink
  readonly session: string
  /** Of the server, for errors. */
  readonly url: string
}

/** Declares one after the other; the first that fails ends it. */
export async function declareTopology(context: DeclareContext, topology: Topology): Promise<void> {
  for (const step of stepsOf(context, topology)) {
    try {
      await step.run()
    } catch (error) {
      // Who asked tries again where another server, or this one, will take it soon.
      throw isPassing(error) ? error : serverError(error, context.url)
    }
  }
}

/** Declares all that can be declared; what cannot be is logged. Rejects when the connection is lost, or useless. */
export async function declareAgain(context: DeclareContext, topology: Topology): Promise<void> {
  for (const { entity, run } of stepsOf(context, topology)) {
    try {
      await run()
    } catch (error) {
      if (isLost(error) || isPassing(error)) throw error
      log('error', 'broker', 'not declared again', { entity, problem: messageOf(error) })
    }
  }
}

/** A binding's routing key as kombu writes it for topic exchanges: a regular expression of Python's. */
export function kombuPattern(routingKey: string): string {
  const words = routingKey.split('.').map((word) => {
    if (word === '*') return String.raw`.*?[^\.]`
    if (word === '#') return '.*?'
    return word.replace(/[^\p{L}\p{N}.#*]/gu, (char) => `\\${char}`)
  })
  return `^${words.join(String.raw`\.`)}$`
}

interface Step {
  readonly entity: string
  readonly run: () => Promise<void>
}

function stepsOf(context: DeclareContext, { exchanges = [], queues = [], bindings = [] }: Topology): Step[] {
  return [
    ...exchanges.map((spec) => ({ entity: `exchange ${spec.name}`, run: () => declareExchange(context, spec) })),
    ...queues.map((spec) => ({ entity: `queue ${spec.name}`, run: () => declareQueue(context, spec) })),
    ...bindings.map((spec) => ({ entity: `binding of ${spec.queue}`, run: () => bind(context, spec) })),
  ]
}

async function declareExchange({ link }: DeclareContext, spec: ExchangeSpec): Promise<void> {
  const { name, type, durable = true, autoDelete = false } = spec
  const text = JSON.stringify({ type, durable, autoDelete })
  const there = await link.run(QUEUES.declareExchange, [name, text, type, autoDelete ? '1' : '0'])
  if (typeof there !== 'string') return
  const problem = exchangeMismatch({ name, ...(JSON.parse(there) as Omit<ExchangeSpec, 'name'>) }, spec)
  if (problem !== undefined) throw mismatch(`exchange ${name}`, problem)
}

async function declareQueue({ link, session }: DeclareContext, spec: QueueSpec): Promise<void> {
  const { name, durable = true, autoDelete = false, exclusive = false } = spec
  const table = queueArguments(spec)
  checkHeaders(table, '$.arguments')
  const refused = refusalOf(name, table)
  const text = JSON.stringify({ durable, autoDelete, exclusive, arguments: formOf(table) })
  const fields = Object.entries({
    priority: numberIn(table, 'x-max-priority'),
    ttl: numberIn(table, 'x-message-ttl'),
    length: numberIn(table, 'x-max-length'),
    expires: numberIn(table, 'x-expires'),
    overflow: table['x-overflow'] === undefined ? undefined : String(table['x-overflow']),
    owner: exclusive ? session : undefined,
    auto: autoDelete ? '1' : '0',
  }).flatMap(([field, value]) => (value === undefined ? [] : [field, value]))
  // What cannot be declared may still be there with other properties, which is the better thing to say.
  const there = await link.run(QUEUES.declareQueue, [name, text, session, ...(refused ? [] : fields)])
  if (there === 'EXCLUSIVE') throw mismatch(`queue ${name}`, 'it is exclusive to another connection')
  if (typeof there === 'string') {
    const is = JSON.parse(there) as QueueSpec
    const wanted = JSON.parse(text) as QueueSpec
    throw mismatch(`queue ${name}`, queueMismatch({ ...is, name }, { ...wanted, name }) ?? 'it was declared otherwise')
  }
  if (refused) throw refused
}

async function bind({ link }: DeclareContext, { exchange, queue, routingKey }: BindingSpec): Promise<void> {
  const missing = await link.run(QUEUES.bind, [exchange, queue, routingKey, kombuPattern(routingKey)])
  if (missing === 'exchange') throw new LovageError('TOPOLOGY_MISSING', { entity: `exchange ${exchange}` })
  if (missing === 'queue') throw new LovageError('TOPOLOGY_MISSING', { entity: `queue ${queue}` })
}

function refusalOf(name: string, table: Readonly<Record<string, HeaderValue>>): LovageError | undefined {
  const stranger = Object.keys(table).find((key) => !HELD.includes(key) && !NEEDLESS.includes(key))
  const isStream = table['x-queue-type'] === 'stream'
  const overflow = table['x-overflow']
  const isOther = overflow !== undefined && overflow !== 'drop-head' && overflow !== 'reject-publish'
  const what = stranger ?? (isStream ? 'x-queue-type stream' : isOther ? `x-overflow ${String(overflow)}` : undefined)
  if (what === undefined) return undefined
  return new LovageError('CAPABILITY_MISSING', {
    what: `Queue ${name}`,
    needs: what,
    kind: 'the Redis broker',
    fix: 'Declare the queue without it, or use RabbitMQ',
  })
}

function numberIn(table: Readonly<Record<string, HeaderValue>>, name: string): number | undefined {
  const value = plainHeader(table[name])
  return typeof value === 'number' && value >= 0 ? value : undefined
}

/** As JSON, so that equal tables are equal texts: members in one order, and what JSON has no form for as text. */
function formOf(value: HeaderValue): unknown {
  if (typeof value === 'bigint') return `${value}n`
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (value instanceof WireValue) return formOf(plainHeader(value) ?? null)
  if (Array.isArray(value)) return value.map(formOf)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value as Record<string, HeaderValue>).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(members.map(([name, one]) => [name, formOf(one)]))
}

function mismatch(entity: string, problem: string): LovageError {
  return new LovageError('TOPOLOGY_MISMATCH', { entity, problem })
}
