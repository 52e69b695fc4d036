import { beforeAll, describe, expect, it } from 'vitest'
import { cronSchedule } from '../../src/beat/crontab.ts'
import { readCron, type CronFields } from '../../src/beat/cron-fields.ts'
import { seededRandom } from '../../src/testing/seeded.ts'
import { startScript } from '../services/python.ts'

const SEED = 7
const COUNT = 2_000
const FIELDS = ['minute', 'hour', 'dayOfMonth', 'monthOfYear', 'dayOfWeek'] as const

// What each field stands for, or that it is refused; and when it is next due, or that it never is.
const SCRIPT = `
import json
from datetime import datetime, timedelta, timezone
from celery import Celery
from celery.schedules import crontab
app = Celery(set_as_current=True)
app.conf.timezone = 'UTC'
answers = []
for (minute, hour, dom, moy, dow), after in json.load(open('crons.json')):
    last = datetime.fromtimestamp(after / 1000, timezone.utc)
    try:
        cron = crontab(minute=minute, hour=hour, day_of_month=dom, month_of_year=moy, day_of_week=dow,
                       nowfun=lambda: last, app=app)
    except Exception:
        answers.append(['refused', None])
        continue
    fields = [sorted(f) for f in (cron.minute, cron.hour, cron.day_of_month, cron.month_of_year, cron.day_of_week)]
    try:
        answers.append([fields, (last + cron.remaining_estimate(last)).isoformat()])
    except RuntimeError:
        answers.append([fields, 'never'])
print('ANSWERS', json.dumps(answers), flush=True)
`

const random = seededRandom(SEED)
const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T
const within = (least: number, most: number): number => least + Math.floor(random() * (most - least + 1))
const WEEKDAYS = ['sun', 'mon', 'Tue', 'wednesday', 'thu', 'Friday', 'SAT']

/** A field as people write it, one of fifty of them wrong; `*` is what they write most. */
function field(least: number, most: number, names?: readonly string[]): string | number {
  if (random() < 0.02)
    return pick([most + 1, `${most + 1}`, '', '1,', '*/0', '*/', '5/2', '1-', '-1', 'foo', '1-x', '1..3'])
  if (random() < 0.35) return '*'
  const number = (): string => (names && random() < 0.4 ? pick(names) : `${within(least, most)}`)
  const part = (): string =>
    pick([
      number,
      () => `${number()}-${number()}`,
      () => `${number()}-${number()}/${within(1, 9)}`,
      () => `*/${within(1, most + 3)}`,
    ])()
  if (random() < 0.1) return within(least, most)
  return Array.from({ length: pick([1, 1, 1, 2, 3]) }, part).join(',')
}

/** Days and months; one of fifty has no such day in any year, one of fifty comes in leap years alone. */
function date(): [string | number, string | number] {
  const chance = random()
  if (chance < 0.02) return [pick(['31', '30-31', 30]), pick(['2', 2])]
  return chance < 0.04 ? ['29', 2] : [field(1, 31), field(1, 12)]
}

const cases = Array.from({ length: COUNT }, () => ({
  fields: [field(0, 59), field(0, 23), ...date(), field(0, 6, WEEKDAYS)],
  after: Date.UTC(2024, 0, 1) + Math.floor(random() * 6 * 365 * 86_400) * 1_000,
}))

type Answer = ['refused', null] | [number[][], string]

/** The same of ours. */
function ours(fields: readonly (string | number)[], after: number): Answer {
  const given = Object.fromEntries(FIELDS.map((name, index) => [name, fields[index]])) as CronFields
  const complain = (): Error => new Error('refused')
  try {
    const sets = readCron(given, complain)
    const numbers = FIELDS.map((name) => [...sets[name]].sort((a, b) => a - b))
    try {
      return [numbers, new Date(cronSchedule(given, complain).next(after, 'UTC')).toISOString()]
    } catch {
      return [numbers, 'never']
    }
  } catch {
    return ['refused', null]
  }
}

describe(`${COUNT} random crontabs (seed ${SEED})`, () => {
  let answers: Answer[]
  beforeAll(async () => {
    const crons = JSON.stringify(cases.map(({ fields, after }) => [fields, after]))
    const python = startScript(SCRIPT, { files: { 'crons.json': crons } })
    const line = await python.line(/^ANSWERS /, { timeoutMs: 55_000 })
    await python.exited
    answers = (JSON.parse(line.slice('ANSWERS '.length)) as Answer[]).map(([fields, due]) =>
      fields === 'refused' || due === 'never' ? ([fields, due] as Answer) : [fields, new Date(due).toISOString()],
    )
  })

  it('mean to us what they mean to Celery, and are next due when they are there', () => {
    const different = cases.flatMap(({ fields, after }, index) => {
      const [one, other] = [ours(fields, after), answers[index]].map((answer) => JSON.stringify(answer))
      const what = `${JSON.stringify(fields)} after ${new Date(after).toISOString()}`
      return one === other ? [] : [`${what}: ${one}, and Celery ${other}`]
    })
    expect(answers).toHaveLength(COUNT)
    expect(different).toEqual([])
  })

  it('are of every kind: most are due, some are refused, some never come', () => {
    const kinds = answers.map(([fields, due]) => (fields === 'refused' ? 'refused' : due === 'never' ? 'never' : 'due'))
    const count = (kind: string): number => kinds.filter((one) => one === kind).length
    expect(count('due')).toBeGreaterThan(COUNT / 2)
    expect(count('refused')).toBeGreaterThan(20)
    expect(count('never')).toBeGreaterThan(0)
  })
})
