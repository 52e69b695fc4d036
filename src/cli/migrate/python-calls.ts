import { isList, isThing, NotUnderstood, type PythonValue } from './python-value.ts'

type Named = Map<string, PythonValue>

/** Parameters by position of classes of kombu and Celery. */
const POSITIONAL: Readonly<Record<string, readonly string[]>> = {
  Queue: ['name', 'exchange', 'routing_key', 'channel', 'bindings'],
  Exchange: ['name', 'type', 'channel'],
  Broadcast: ['name', 'queue', 'unique', 'auto_delete', 'exchange', 'alias'],
  // Celery 5.3 has the days in another order than 5.2.
  crontab: ['minute', 'hour'],
  schedule: ['run_every', 'relative', 'nowfun'],
  solar: ['event', 'lat', 'lon'],
}

const CORES = new Set(['cpu_count', 'multiprocessing.cpu_count', 'os.cpu_count', 'mp.cpu_count', 'billiard.cpu_count'])

const SECONDS: Readonly<Record<string, number>> = {
  ...{ weeks: 604_800, days: 86_400, hours: 3_600, minutes: 60, seconds: 1 },
  ...{ milliseconds: 1e-3, microseconds: 1e-6 },
}

/**
 * What a call of a name gives, where the name is known.
 * @throws NotUnderstood
 */
export function callOf(name: string, args: readonly PythonValue[], named: Named): PythonValue {
  const last = name.split('.').at(-1) as string
  if (CORES.has(name) && args.length === 0) return { $: 'cores', times: 1, plus: 0 }
  if (last === 'timedelta') return timedelta(args, named)
  if (POSITIONAL[last]) return objectOf(last, POSITIONAL[last], args, named)
  if (name === 'dict' && args.length === 0) return { $: 'dict', items: [...named] }
  const [first, ...others] = args
  if (first === undefined || named.size > 0) throw new NotUnderstood()
  if ((name === 'list' || name === 'tuple' || name === 'set') && isList(first) && others.length === 0) return first
  if (name === 'str' && others.length === 0 && (typeof first === 'string' || Number.isInteger(first)))
    return String(first)
  if (name === 'int' && others.length === 0) return whole(first)
  if (name === 'max' && others.length === 1) return most(first, others[0] as PythonValue)
  throw new NotUnderstood()
}

function whole(value: PythonValue): PythonValue {
  if (typeof value === 'number') return Math.trunc(value)
  if (typeof value === 'string' && /^\s*[+-]?\d+\s*$/.test(value)) return Number(value)
  if (isThing(value) && value.$ === 'cores') return value
  throw new NotUnderstood()
}

/** `max(1, cpu_count() / 2)`: there is one core at least in any case. */
function most(a: PythonValue, b: PythonValue): PythonValue {
  if (typeof a === 'number' && typeof b === 'number') return Math.max(a, b)
  const [number, other] = typeof a === 'number' ? [a, b] : [b, a]
  if (number === 1 && isThing(other) && other.$ === 'cores') return other
  throw new NotUnderstood()
}

function timedelta(args: readonly PythonValue[], named: Named): PythonValue {
  let seconds = 0
  const all = new Map<string, PythonValue>(named)
  args.forEach((value, at) => all.set(['days', 'seconds', 'microseconds'][at] ?? '?', value))
  for (const [name, value] of all) {
    const each = SECONDS[name]
    if (each === undefined || typeof value !== 'number') throw new NotUnderstood()
    seconds += each * value
  }
  return { $: 'timedelta', seconds }
}

function objectOf(
  type: string,
  positional: readonly string[],
  args: readonly PythonValue[],
  named: Named,
): PythonValue {
  const fields = new Map<string, PythonValue>()
  args.forEach((value, at) => {
    const name = positional[at]
    if (name === undefined || name === 'channel') throw new NotUnderstood()
    fields.set(name, value)
  })
  for (const [name, value] of named) fields.set(name, value)
  if (type === 'Broadcast') {
    // As kombu keeps it: the name is that of its exchange, and the queue has one of its own.
    fields.set('alias', fields.get('name') ?? null)
    fields.set('name', fields.get('queue') ?? null)
  }
  return { $: 'object', type, fields: Object.fromEntries(fields) }
}
