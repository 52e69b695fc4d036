import type { CronField, CronFields } from './cron-fields.ts'
import type { Entry } from './entry.ts'

/** In the order of a cron string. */
const FIELDS: readonly (keyof CronFields)[] = ['minute', 'hour', 'dayOfMonth', 'monthOfYear', 'dayOfWeek']

/** When an entry is due, as people write it: `30 2 * * mon-fri`, `every 15m`, `sunset at 31.23, 121.47`. */
export function scheduleText({ crontab, every, solar }: Entry<unknown>): string {
  if (crontab !== undefined) return typeof crontab === 'string' ? crontab : cronText(crontab)
  if (every !== undefined) return `every ${typeof every === 'number' ? shortest(every) : every}`
  return solar ? `${solar.event} at ${solar.lat}, ${solar.lon}` : 'never'
}

function cronText(fields: CronFields): string {
  const text = (field: CronField): string =>
    typeof field === 'object' ? field.join(',') : String(field).replaceAll(/\s+/g, '')
  return FIELDS.map((name) => text(fields[name] ?? '*')).join(' ')
}

function shortest(ms: number): string {
  for (const [unit, length] of [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1_000],
  ] as const) {
    if (ms % length === 0) return `${ms / length}${unit}`
  }
  return `${ms}ms`
}
