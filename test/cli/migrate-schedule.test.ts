import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { convert, settingsOf } from '../../src/cli/migrate/convert.ts'
import type { CeleryConfig } from '../../src/cli/migrate/python-value.ts'
import { readLiterals } from '../../src/cli/migrate/read-literals.ts'
import { readWithPython } from '../../src/cli/migrate/read-with-python.ts'
import { settingsModule } from '../../src/cli/migrate/settings-module.ts'
import { available } from '../services/available.ts'
import { PYTHON } from '../services/python.ts'
import { temporaryFolder } from '../services/reaper.ts'
import { run, write } from './lovage.ts'

const IMPORTS = `
from celery.schedules import crontab, schedule, solar
from datetime import datetime, timedelta
from kombu import Queue
`

async function withPython(text: string): Promise<CeleryConfig> {
  const folder = temporaryFolder('celeryconfig')
  write(folder, { 'celeryconfig.py': text })
  const answer = await readWithPython(PYTHON, join(folder, 'celeryconfig.py'))
  if ('problem' in answer) throw new Error(answer.problem)
  return answer.config
}

/** Each entry as code, and what was said of the schedule. */
function schedule(config: CeleryConfig): { entries: Record<string, string>; notes: string[] } {
  const to = convert(config)
  return {
    entries: Object.fromEntries([...to.entries].map(([name, { text }]) => [name, text])),
    notes: to.notes.filter(({ name }) => name === 'beat_schedule').map(({ text }) => text),
  }
}

const tick = "app.remote('shop.tick').s()"

const CARRIED: readonly (readonly [python: string, code: string])[] = [
  ["'schedule': crontab(minute=30, hour='2')", `crontab({ minute: 30, hour: '2' }, ${tick})`],
  ["'schedule': crontab(0, 4)", `crontab({ minute: 0, hour: 4 }, ${tick})`],
  ["'schedule': crontab()", `crontab({}, ${tick})`],
  [
    "'schedule': crontab(minute=[0, 30], day_of_week='fri-mon', day_of_month='1,15', month_of_year='*/3')",
    `crontab({ minute: [0, 30], dayOfWeek: 'fri-mon', dayOfMonth: '1,15', monthOfYear: '*/3' }, ${tick})`,
  ],
  ["'schedule': 30.0, 'relative': True", `every('30s', ${tick})`],
  ["'schedule': 0.25, 'relative': True", `every('250ms', ${tick})`],
  ["'schedule': timedelta(hours=36), 'relative': True", `every('36h', ${tick})`],
  ["'schedule': schedule(run_every=10, relative=True)", `every('10s', ${tick})`],
  ["'schedule': schedule(timedelta(minutes=5), True)", `every('5m', ${tick})`],
  ["'schedule': solar('sunset', 31.23, -121.5)", `solar('sunset', 31.23, -121.5, ${tick})`],
  [
    "'schedule': crontab(hour=1), 'args': (1, 'two', [None, True]), 'kwargs': {'deep': {'a': 1}}",
    "crontab({ hour: 1 }, app.remote('shop.tick').s(1, 'two', [null, true]).set({ kwargs: { deep: { a: 1 } } }))",
  ],
  [
    "'schedule': crontab(hour=1), 'options': {'queue': 'q', 'priority': 3, 'expires': 90, 'time_limit': 60, 'countdown': 5}",
    "crontab({ hour: 1 }, app.remote('shop.tick').s().set({ queue: 'q', priority: 3, timeLimit: '1m', countdown: '5s' }), { expires: '90s' })",
  ],
  [
    "'schedule': crontab(hour=1), 'options': {'queue': Queue('q'), 'expires': timedelta(hours=1)}",
    "crontab({ hour: 1 }, app.remote('shop.tick').s().set({ queue: 'q' }), { expires: '1h' })",
  ],
]

describe('An entry with', () => {
  test.each(CARRIED)('%s carries over, read as text', (python, code) => {
    const source = `${IMPORTS}beat_schedule = {'tick': {'task': 'shop.tick', ${python}}}`
    const { entries, notes } = schedule(readLiterals(source))
    expect([oneLine(entries['tick']), notes]).toEqual([code, []])
  })

  test('any of these carries over, evaluated by Python', async ({ skip }) => {
    if (!available('celery')) skip()
    const members = CARRIED.map(([python], at) => `'${at}': {'task': 'shop.tick', ${python}},`).join('\n')
    const { entries, notes } = schedule(await withPython(`${IMPORTS}beat_schedule = {${members}}`))
    const codes = Object.fromEntries(CARRIED.map(([, code], at) => [String(at), code]))
    expect(Object.fromEntries(Object.entries(entries).map(([name, code]) => [name, oneLine(code)]))).toEqual(codes)
    expect(notes).toEqual([])
  })
})

/** Without the line ends of a call that is too long for one line. */
function oneLine(code = ''): string {
  return code
    .replaceAll(/\s*\n\s*/g, ' ')
    .replaceAll(/, ([)}\]])/g, ' $1')
    .replaceAll('( ', '(')
    .replaceAll(' )', ')')
}

test('What does not carry over is told of by the name of its entry, and the others stay', async ({ skip }) => {
  if (!available('celery')) skip()
  const source = `${IMPORTS}
class Odd(crontab): pass
beat_schedule = {
  'good': {'task': 't', 'schedule': 60},
  'poles': {'task': 't', 'schedule': solar('sunset', 90, 0)},
  'clock': {'task': 't', 'schedule': crontab(nowfun=datetime.now)},
  'odd': {'task': 't', 'schedule': Odd(minute=5)},
  'words': {'task': 't', 'schedule': 'sometimes'},
  'quick': {'task': 't', 'schedule': 0.01},
  'nothing': {'schedule': 60},
  'dates': {'task': 't', 'schedule': crontab(minute=5), 'args': [datetime(2030, 1, 1)]},
  'options': {'task': 't', 'schedule': crontab(minute=5), 'options': {'retry': True, 'queue': 'q'}, 'enabled': True},
}`
  const { entries, notes } = schedule(await withPython(source))
  expect(Object.keys(entries)).toEqual(['good', 'options'])
  expect(notes).toEqual([
    'poles: is left out: The schedule of poles cannot be kept: lat is 90',
    expect.stringMatching(/^clock: is left out: its schedule is not understood: <built-in method now/),
    expect.stringMatching(/^odd: is left out: its schedule is not understood: <crontab: 5 /),
    "words: is left out: its schedule is 'sometimes'",
    'quick: is left out: The schedule of quick cannot be kept: every is "10ms"',
    expect.stringMatching(/^nothing: is left out: .* is no entry with a task$/),
    expect.stringMatching(/^dates: is left out: datetime.* is nothing that JSON has$/),
    'options: its option retry is left out: True',
    'options: its member enabled is left out',
    expect.stringMatching(/^has intervals. Here they are counted from 1970/),
  ])
})

test('Positions that Celery 5.2 and 5.3 mean otherwise are not guessed', () => {
  const { notes } = schedule(readLiterals("beat_schedule = {'a': {'task': 't', 'schedule': crontab(0, 4, '1')}}"))
  expect(notes).toEqual([expect.stringMatching(/^is not understood/)])
})

test('Names are no code, whatever is in them', () => {
  const source = `beat_schedule = {"a' + evil() + '": {'task': "t'); evil('", 'schedule': 60, 'args': ["\${evil()}"]}}`
  const migration = convert(readLiterals(source))
  const written = settingsModule(settingsOf(migration), 'celeryconfig.py', migration)
  expect(written).toContain(`"a' + evil() + '": every('1m', app.remote("t'); evil('").s('\${evil()}')),`)
})

test('The command prints settings and entries, and says how many', async () => {
  const folder = temporaryFolder('celeryconfig')
  const source =
    "broker_url = 'redis://h'\nbeat_schedule = {'tick': {'task': 'shop.tick', 'schedule': 60, 'relative': True}}\n"
  write(folder, { 'celeryconfig.py': source })
  const { code, text } = await run(['migrate', '--literals', 'celeryconfig.py'], { cwd: folder })
  expect(code).toBe(0)
  expect(text).toContain("import type { App, GivenSettings } from 'lovage'\nimport { every } from 'lovage/beat'\n")
  expect(text).toContain(
    "export const entriesOf = (app: App) => ({\n  tick: every('1m', app.remote('shop.tick').s()),\n})\n",
  )
  expect(text).toContain('1 settings, 1 entry of the schedule')
})
