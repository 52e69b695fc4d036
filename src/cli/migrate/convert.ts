import { settingName } from './celery-names.ts'
import { convertQueues, convertRoutes } from './convert-queues.ts'
import { CONVERTERS } from './convert-rest.ts'
import { convertSchedule } from './convert-schedule.ts'
import { convertUrls } from './convert-urls.ts'
import { Migration, type Converter } from './migration.ts'
import { isThing, unknownIn, type CeleryConfig, type PythonValue } from './python-value.ts'

/** Those that `convertUrls` reads. */
const OF_URLS =
  /^(?:broker_(?:url|transport|transport_options|host|port|user|password|vhost|use_ssl|heartbeat|login_method)|result_backend(?:_transport_options)?|redis_(?:host|port|db|username|password|backend_use_ssl))$/

/** Settings that have a file of their own. */
const OWN: Readonly<Record<string, Converter>> = {
  beat_schedule: convertSchedule,
  task_queues: convertQueues,
  task_routes: convertRoutes,
}

/** Settings that carry over in the order in which they are written. */
const ORDER = [
  ...['broker', 'backend', 'connectTimeout', 'publishTimeout', 'queues', 'routes', 'defaultQueue', 'defaultExchange'],
  ...['defaultExchangeType', 'defaultRoutingKey'],
]

/**
 * A configuration of Celery as settings of ours. What does not carry over is noted, with the reason; nothing is guessed.
 * @param prefix in front of the names in the file, where they have one of their own
 */
export function convert(config: CeleryConfig, prefix?: string): Migration {
  const values = new Map<string, { calledThere: string; value: never }>()
  const strangers: string[] = []
  for (const [calledThere, value] of config.values) {
    const name = settingName(calledThere, prefix)
    if (name !== undefined) values.set(name, { calledThere, value: value as never })
    else if (isThing(value) && value.$ === 'unknown' && value.isCode) continue
    else if (calledThere === calledThere.toUpperCase()) strangers.push(calledThere)
  }
  const to = new Migration(values)
  for (const note of config.notes) to.note(undefined, note)
  convertUrls(to)
  for (const [name, { value }] of to.values) {
    if (value === null) continue
    const converter = OWN[name] ?? CONVERTERS[name]
    // Of a schedule, one entry that is not understood is told of by itself.
    const unknown = name === 'beat_schedule' && !isUnknown(value) ? undefined : unknownIn(value)
    const isHere = converter !== undefined || OF_URLS.test(name)
    if (unknown !== undefined && isHere) to.note(name, `is not understood: ${unknown}. Write it by hand`)
    else if (converter) converter(to, value, name)
    else if (!isHere) to.instead(name)
  }
  if (!values.has('task_acks_late')) {
    to.note(
      undefined,
      'The file does not set task_acks_late: Celery acknowledges before a task runs then, Lovage when its outcome is stored. `acksLate: false` is as in Celery.',
    )
  }
  if (strangers.length > 0) to.note(undefined, `No settings of Celery's, and left out: ${strangers.join(', ')}`)
  return to
}

function isUnknown(value: PythonValue): boolean {
  return isThing(value) && value.$ === 'unknown'
}

/** All that is set, in the order in which it is written. */
export function settingsOf(to: Migration): Record<string, unknown> {
  const place = (name: string): number => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length)
  const all = [...to.settings].toSorted(([a], [b]) => place(a) - place(b))
  const settings = Object.fromEntries(all)
  return to.worker.size > 0 ? { ...settings, worker: Object.fromEntries(to.worker) } : settings
}
