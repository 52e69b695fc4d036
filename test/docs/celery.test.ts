import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { command as beatCommand } from '../../src/cli/beat.ts'
import { command } from '../../src/cli/worker.ts'
import { resolveSettings } from '../../src/app/settings.ts'
import { resolveTaskOptions } from '../../src/app/task-options.ts'
import { checkCallOptions } from '../../src/app/call-options.ts'
import { isLovageError } from '../../src/base/errors.ts'
import { CELERY_SETTINGS } from '../../src/cli/migrate/celery-settings.ts'
import { PYTHON } from '../services/python.ts'

const page = readFileSync(new URL('../../docs/coming-from-celery.md', import.meta.url), 'utf8')

const python = (...args: string[]): string => execFileSync(PYTHON, args, { encoding: 'utf8' })

/** The section of the page, and the rows of its table: what stands in the first column, and the whole row. */
function section(heading: string): { text: string; rows: { names: string[]; row: string }[] } {
  const text = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? ''
  const rows = [...text.matchAll(/^\| (`[^|]*?) *\|(.*)\|$/gm)].map(([row, names = '']) => ({
    names: [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => name as string),
    row,
  }))
  return { text, rows }
}

/** `n of n` sums up a section: all that Celery has, how much of it is there, and how much is not. */
function summary(text: string): { all: number; taken: number; not: number } {
  const found = /has (\d+) .*?: (\d+) are .*?, (\d+) .*?: (\d+) of (\d+)\./s.exec(text)
  const [all, taken, not, told, of] = (found ?? []).slice(1).map(Number) as [number, number, number, number, number]
  expect([told, of]).toEqual([all, all])
  return { all, taken, not }
}

const worker = command()
const flagsOf = (options: typeof worker.options): string[] =>
  options.flatMap(({ short, long }) => [short, long]).filter((flag) => flag !== undefined)

const beat = beatCommand()

describe.each([
  // What stands before the lists has options in its examples.
  ['worker', worker, ['celery --help', 'celery worker --help'], 30],
  ['beat', beat, ['celery beat --help'], 10],
] as const)('options of celery %s', (name, ours, helps, least) => {
  const texts = helps.map((line) => python('-m', ...line.split(' ')))
  const help = texts.map((shown) => shown.slice(shown.indexOf('Options:'))).join('\n')
  const visible = ours.options.filter((option) => !option.hidden)
  const hidden = ours.options.filter((option) => option.hidden)
  /** One list for each option: `-n` and `--hostname`. */
  const celerys = new Map<string, string[]>()
  for (const [, flags = ''] of help.matchAll(/^ {2}((?:-\w, )?-[-\w]+(?:, -[-\w]+)*)/gm)) {
    const all = flags.split(', ')
    if (!all.includes('--help') && !all.includes('--version')) celerys.set(all.join(' '), all)
  }
  const { text, rows } = section(`Options of \`celery ${name}\``)
  const known = new Set(rows.flatMap(({ names }) => names.map((name) => name.split(' ')[0] as string)))

  test('are all on the page, n of n', () => {
    const all = [...celerys.values()]
    expect(all.length).toBeGreaterThan(least)
    expect(all.filter((flags) => !flags.some((flag) => known.has(flag)))).toEqual([])
    const taken = all.filter((flags) => flags.some((flag) => flagsOf(visible).includes(flag)))
    expect(summary(text)).toEqual({ all: all.length, taken: taken.length, not: all.length - taken.length })
  })

  test('are each taken, and in our help, or refused by name', () => {
    const known = [...flagsOf(visible), ...flagsOf(hidden)]
    for (const flags of celerys.values()) {
      const missing = flags.filter((flag) => !known.includes(flag))
      expect(missing, flags.join(', ')).toEqual([])
      const isTaken = flags.some((flag) => flagsOf(visible).includes(flag))
      const row = rows.find(({ names }) => names.some((name) => flags.includes(name.split(' ')[0] as string)))?.row
      expect(row?.includes('refused'), `${flags.join(', ')}: ${row}`).toBe(!isTaken)
    }
  })
})

/** The names that the code knows, as it tells them to who writes one that it does not. */
function namesOf(use: (options: object) => unknown): string[] {
  try {
    use({ 'something very different from all of them': 1 })
  } catch (error) {
    if (isLovageError(error)) return error.fix.replace('Use one of: ', '').split(', ')
  }
  throw new Error('an unknown name was taken')
}

const settings = resolveSettings({}, { env: {} })
const ourNames = new Set([
  ...namesOf((given) => resolveSettings(given, { env: {} })),
  ...namesOf((given) => resolveTaskOptions('t', given, settings)),
  ...namesOf((given) => checkCallOptions('t', given)),
])

/** What a section leaves out of what Celery has, and how far its summary is off. */
function lacking(heading: string, celerys: readonly string[]): { missing: string[]; told: object; counted: object } {
  const { text, rows } = section(heading)
  const rowOf = (name: string): string | undefined =>
    rows.find(({ names }) =>
      names.some((known) => known === name || (known.endsWith('*') && name.startsWith(known.slice(0, -1)))),
    )?.row
  const missing = celerys.filter((name) => rowOf(name) === undefined)
  const not = celerys.filter((name) => /\| not (there|yet)/.test(rowOf(name) ?? ''))
  const counted = { all: celerys.length, taken: celerys.length - not.length, not: not.length }
  return { missing, told: summary(text), counted }
}

test('options of a task are all on the page, n of n', () => {
  const { missing, told, counted } = lacking(
    'Options of a task',
    lines(`
    from celery.app.task import Task
    skip = {'app', 'request', 'request_stack', 'abstract', 'Strategy', 'Request', 'MaxRetriesExceededError', 'OperationalError', 'from_config', 'backend'}
    print('\\n'.join(n for n, v in vars(Task).items() if not n.startswith('_') and not callable(v) and not isinstance(v, (classmethod, property)) and n not in skip))
    print('\\n'.join(['autoretry_for', 'dont_autoretry_for', 'retry_kwargs', 'retry_backoff', 'retry_backoff_max', 'retry_jitter', 'bind', 'base', 'queue']))
  `),
  )
  expect(missing).toEqual([])
  expect(told).toEqual(counted)
})

test('options of a call are all on the page, n of n', () => {
  const { missing, told, counted } = lacking(
    'Options of a call',
    lines(`
    import inspect
    from celery import Celery
    from celery.app.task import Task
    names = [*inspect.signature(Task.apply_async).parameters, *inspect.signature(Celery.send_task).parameters]
    names += ['queue', 'exchange', 'routing_key', 'priority', 'serializer', 'compression', 'headers', 'ignore_result', 'retry', 'retry_policy', 'delivery_mode']
    print('\\n'.join(dict.fromkeys(n for n in names if n not in ('self', 'name', 'options'))))
  `),
  )
  expect(missing).toEqual([])
  expect(told).toEqual(counted)
})

test('settings are all on the page, n of n', () => {
  const { missing, told, counted } = lacking(
    'Settings',
    lines(`
    from celery.app import defaults
    print('\\n'.join(k for k, v in defaults.flatten(defaults.NAMESPACES)))
  `),
  )
  expect(missing).toEqual([])
  expect(told).toEqual(counted)
})

test('the page has the settings of the table that `lovage migrate` goes by', () => {
  const { rows } = section('Settings')
  const shown = rows.map(({ names, row }) => [names.join(' '), row.split('|')[2]?.trim()])
  expect(shown).toEqual(CELERY_SETTINGS.map(({ names, here }) => [names.join(' '), here]))
})

test('what the page calls ours is there', () => {
  for (const heading of ['Options of a task', 'Options of a call']) {
    for (const { row } of section(heading).rows) {
      const [, , ours = ''] = row.split('|')
      const first = /^ `(\w+)`/.exec(ours)?.[1]
      if (first !== undefined && !['params', 'args', 'kwargs', 'app', 'class'].includes(first)) {
        expect([...ourNames], row).toContain(first)
      }
    }
  }
})

function lines(script: string): string[] {
  const indent = /^ */m.exec(script.replace(/^\n/, ''))?.[0].length ?? 0
  const text = script
    .replace(/^\n/, '')
    .split('\n')
    .map((line) => line.slice(indent))
    .join('\n')
  return python('-c', text).trim().split('\n')
}
