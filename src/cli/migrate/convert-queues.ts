import { isList, isThing, membersOf, shownInPython, type PythonValue } from './python-value.ts'
import type { Converter, Migration } from './migration.ts'

/** Options of a queue in Python, and ours; those that need more than another name come apart. */
const SAME: Readonly<Record<string, string>> = {
  routing_key: 'routingKey',
  max_priority: 'maxPriority',
  max_length: 'maxLength',
}

/** Members that say nothing where they have this value. */
const NOTHING: Readonly<Record<string, readonly unknown[]>> = {
  durable: [true, null],
  exclusive: [false, null],
  auto_delete: [false, null],
  no_ack: [false, null],
  alias: [null],
  passive: [false, null],
  no_declare: [false, null],
}

type Members = ReadonlyMap<string, PythonValue>

/** `task_queues`: a list of kombu's queues, or a dict of what they have. */
export const convertQueues: Converter = (to, value, name) => {
  const byName = membersOf(value)
  if (byName) {
    const queues: Record<string, unknown> = {}
    for (const [queue, options] of byName) {
      const members = membersOf(options) ?? fieldsOf(options)
      if (!members) return to.unfit(name, options, `what the queue ${queue} is`)
      queues[queue] = queueOf(to, new Map([...members, ['name', queue]]), true)
    }
    return void to.settings.set('queues', queues)
  }
  if (!isList(value)) return to.unfit(name, value, 'a list of queues')
  const queues: unknown[] = []
  for (const one of value) {
    const members = fieldsOf(one)
    if (typeof one === 'string') queues.push(one)
    else if (members) queues.push(queueOf(to, members, false))
    else return to.unfit(name, one, 'a queue')
  }
  to.settings.set('queues', queues)
}

function fieldsOf(value: PythonValue): Members | undefined {
  if (!isThing(value) || value.$ !== 'object' || !['Queue', 'Broadcast'].includes(value.type)) return undefined
  const members = new Map(Object.entries(value.fields))
  return value.type === 'Broadcast' ? members.set('is_broadcast', true) : members
}

function queueOf(to: Migration, members: Members, isByName: boolean): Record<string, unknown> {
  const name = members.get('name')
  const where = `queue ${String(members.get('alias') ?? name)}`
  const queue: Record<string, unknown> = {}
  if (members.get('is_broadcast') === true) {
    queue.broadcast = members.get('alias')
    // Without a name of its own each worker draws one.
    if (typeof name === 'string' && !name.startsWith('bcast.')) queue.queue = name
  } else {
    if (!isByName) queue.name = name
    const exchange = exchangeOf(to, members, where)
    if (exchange !== undefined) queue.exchange = exchange
  }
  for (const [member, value] of members) {
    const ours = SAME[member] ?? (member === 'binding_key' && !members.get('routing_key') ? 'routingKey' : undefined)
    if (ours !== undefined && value !== null && !(value === '' && ours !== 'routingKey')) {
      if (queue.broadcast === undefined) queue[ours] = value
    } else if (isSaid(member, value)) addOption(to, queue, member, value, where)
  }
  if (queue.routingKey === '') delete queue.routingKey
  return queue
}

function isSaid(member: string, value: PythonValue): boolean {
  return (
    value !== null && !NOTHING[member]?.includes(value) && !(isList(value) && value.length === 0) && !isEmpty(value)
  )
}

function isEmpty(value: PythonValue): boolean {
  return isThing(value) && value.$ === 'dict' && value.items.length === 0
}

/** Of `exchange` and what a dict has of it beside that. */
function exchangeOf(to: Migration, members: Members, where: string): unknown {
  const given = members.get('exchange') ?? null
  const type = members.get('exchange_type')
  const mode = members.get('delivery_mode')
  let exchange: Record<string, unknown> = {}
  if (typeof given === 'string' && given !== '') exchange = { name: given }
  else if (given !== null && isThing(given) && given.$ === 'object' && given.type === 'Exchange') {
    const { name, type: kind, durable, auto_delete: autoDelete, delivery_mode: kept, arguments: args } = given.fields
    if (typeof name === 'string' && name !== '') exchange.name = name
    if (typeof kind === 'string' && kind !== '') exchange.type = kind
    if (durable === false) exchange.durable = false
    if (autoDelete === true) exchange.autoDelete = true
    if (kept !== null && kept !== undefined) exchange.deliveryMode = modeOf(kept)
    if (args !== undefined && isSaid('arguments', args))
      to.note('task_queues', `${where}: arguments of an exchange are left out: ${shownInPython(args)}`)
  } else if (given !== null && given !== '') to.unfit('task_queues', given, `an exchange of ${where}`)
  if (typeof type === 'string' && exchange.type === undefined) exchange.type = type
  if (mode !== undefined && mode !== null && exchange.deliveryMode === undefined) exchange.deliveryMode = modeOf(mode)
  if (exchange.name === undefined) return undefined
  if (typeof exchange.type === 'string' && !['direct', 'topic', 'fanout'].includes(exchange.type)) {
    to.note('task_queues', `${where}: an exchange of type ${exchange.type} is not there; direct, topic and fanout are`)
  }
  return Object.keys(exchange).length === 1 ? exchange.name : exchange
}

function modeOf(mode: PythonValue): PythonValue {
  return mode === 'persistent' ? 2 : mode === 'transient' ? 1 : mode
}

function addOption(
  to: Migration,
  queue: Record<string, unknown>,
  member: string,
  value: PythonValue,
  where: string,
): void {
  if (
    ['name', 'exchange', 'exchange_type', 'delivery_mode', 'is_broadcast', 'binding_key', 'alias', 'queue'].includes(
      member,
    )
  )
    return
  const isBroadcast = queue.broadcast !== undefined
  if (member === 'durable' || member === 'exclusive') queue[member] = value
  else if (member === 'auto_delete') {
    if (!isBroadcast) queue.autoDelete = value
  } else if (member === 'expires' && typeof value === 'number') queue.expires = value * 1000
  else if (member === 'message_ttl' && typeof value === 'number') queue.messageTtl = value * 1000
  else if (member === 'queue_arguments' && membersOf(value)) queue.arguments = plainMembers(value)
  else if (member === 'consumer_arguments' && membersOf(value)) queue.consumerArguments = plainMembers(value)
  else if (member === 'bindings' && isList(value)) queue.bindings = bindingsOf(to, queue, value, where)
  else if (member === 'max_length_bytes')
    queue.arguments = { ...(queue.arguments as object), 'x-max-length-bytes': value }
  else to.note('task_queues', `${where}: ${member} = ${shownInPython(value)} is left out`)
}

function plainMembers(value: PythonValue): Record<string, unknown> {
  return Object.fromEntries(membersOf(value) ?? [])
}

function bindingsOf(
  to: Migration,
  queue: Record<string, unknown>,
  list: readonly PythonValue[],
  where: string,
): unknown[] {
  delete queue.exchange
  delete queue.routingKey
  return list.map((one) => {
    const fields =
      isThing(one) && one.$ === 'object' ? new Map(Object.entries(one.fields)) : new Map<string, PythonValue>()
    return { exchange: exchangeOf(to, fields, where) ?? '', routingKey: fields.get('routing_key') ?? '' }
  })
}

/** Members of a route, and ours. */
const ROUTE: Readonly<Record<string, string>> = {
  ...{
    queue: 'queue',
    exchange: 'exchange',
    routing_key: 'routingKey',
    priority: 'priority',
    delivery_mode: 'deliveryMode',
  },
}

/** `task_routes`: dicts of names and patterns, or lists of such. */
export const convertRoutes: Converter = (to, value, name) => {
  const given = isList(value) ? value : [value]
  const routers: unknown[] = []
  for (const one of given) {
    const members = membersOf(one)
    if (!members) {
      to.note(
        name,
        `${shownInPython(one)} is a router that is code or a pattern of its own: write it as a function, routes: [(task, args, kwargs, options) => ...]`,
      )
      return
    }
    const router: Record<string, unknown> = {}
    for (const [task, target] of members) router[task] = targetOf(to, task, target, name)
    routers.push(router)
  }
  to.settings.set('routes', routers.length === 1 ? routers[0] : routers)
}

function targetOf(to: Migration, task: string, target: PythonValue, name: string): unknown {
  if (typeof target === 'string') return target
  const members = membersOf(target)
  if (!members) return void to.unfit(name, target, `where ${task} goes`)
  const made: Record<string, unknown> = {}
  for (const [member, value] of members) {
    const ours = ROUTE[member]
    const of = isThing(value) && value.$ === 'object' ? value.fields.name : value
    if (ours === undefined)
      to.note(
        name,
        `${task}: ${member} = ${shownInPython(value)} is left out; it is an option of the task, or of the queue`,
      )
    else if (of !== null && of !== undefined) made[ours] = member === 'delivery_mode' ? modeOf(of) : of
  }
  return made
}
