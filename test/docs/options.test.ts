import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { expect, test } from 'vitest'
import { checkCallOptions } from '../../src/app/call-options.ts'
import { retryWith } from '../../src/app/current-task.ts'
import { lovage } from '../../src/app/app.ts'
import { resolveSettings } from '../../src/app/settings.ts'
import { resolveTaskOptions } from '../../src/app/task-options.ts'
import { isLovageError } from '../../src/base/errors.ts'
import { beat, every } from '../../src/beat/beat.ts'
import { readEntry } from '../../src/beat/timetable.ts'
import { parseAmqpUrl } from '../../src/broker/amqp/amqp-url.ts'
import { addServiceOptions } from '../../src/cli/command-options.ts'
import { command as dashboardCommand } from '../../src/cli/dashboard.ts'
import { resolveOptions } from '../../src/dashboard/options.ts'

const page = readFileSync(new URL('../../docs/options.md', import.meta.url), 'utf8')

/** The names in the first column of the tables of a section. */
function documented(heading: string): string[] {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? ''
  return [...section.matchAll(/^\| `(\w+)`/gm)].map((match) => match[1] as string)
}

/** The names that the code knows, as it tells them to who writes one that it does not. */
function known(use: (options: object) => unknown): string[] {
  try {
    use({ 'something very different from all of them': 1 })
  } catch (error) {
    if (isLovageError(error)) return error.fix.replace('Use one of: ', '').split(', ')
    throw error
  }
  throw new Error('an unknown name was taken')
}

const settings = resolveSettings({}, { env: {} })
const both = documented('Options of a task and of a call')
const ofTask = documented('Options of a task alone')
const ofCall = documented('Options of a call alone')

test('the page tells every setting, and no other', () => {
  expect(documented('Settings of an application')).toEqual(known((given) => resolveSettings(given, { env: {} })))
})

test('the page tells every option of a task, and no other', () => {
  const positional = ['params', 'input', 'stream']
  expect([...both, ...ofTask].filter((name) => !positional.includes(name))).toEqual(
    known((given) => resolveTaskOptions('t', given, settings)),
  )
  expect(ofTask).toEqual(expect.arrayContaining(positional))
})

test('the page tells every option of a call, and no other', () => {
  expect([...both, ...ofCall]).toEqual(known((given) => checkCallOptions('t', given)))
})

test('the page tells every option of retry(), and no other', () => {
  expect(documented('`retry()`')).toEqual(known((given) => retryWith(given, 0)))
})

test('the page tells every option of a beat, and no other', () => {
  const app = lovage('shop', {}, { env: {} })
  expect(documented('Options of a beat')).toEqual(known((given) => beat(app, {}, given)))
})

test('the page tells every option of an entry, and no other', () => {
  const parts = ['task', 'crontab', 'every', 'solar']
  const all = known((given) => readEntry('tick', every('1m', 'task', given), 'UTC'))
  expect(documented('Options of an entry')).toEqual(all.filter((name) => !parts.includes(name)))
})

test('the page tells every option of a dashboard, and no other', () => {
  expect(documented('Options of a dashboard')).toEqual(known((given) => resolveOptions(given)))
})

test('the page tells every option of the command `lovage dashboard`, and no other', () => {
  const section = page.split(/^#{2,3} /m).find((part) => part.startsWith('lovage dashboard\n')) ?? ''
  const told = [...section.matchAll(/^\| `(--[\w-]+)/gm)].map(([, name]) => name)
  const ofEach = addServiceOptions(new Command()).options.map(({ long }) => long)
  const own = dashboardCommand().options.flatMap(({ long }) => (long && !ofEach.includes(long) ? [long] : []))
  expect(told.toSorted()).toEqual(own.toSorted())
})

test('the page tells every option of the URL of RabbitMQ, and no other', () => {
  expect(() => parseAmqpUrl('amqp://host/?strange=1')).toThrow(
    `known are ${documented('The URL of RabbitMQ').join(', ')}`,
  )
})
