import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { ERRORS, isLovageError, LovageError, messageOf, type ErrorCode } from '../../src/base/errors.ts'

const docs = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
const codes = Object.keys(ERRORS) as ErrorCode[]

/** The text under each `## CODE` of docs/errors.md. */
const sections = new Map(
  docs
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')).trim(), section.slice(section.indexOf('\n')).trim()]),
)

describe('the table of errors', () => {
  it('has a section in docs/errors.md for each row, and no section without a row', () => {
    expect([...sections.keys()].toSorted()).toEqual(codes.toSorted())
  })

  it.each(codes)('%s is explained, and it is said what to do', (code) => {
    expect(sections.get(code)).toMatch(/^[A-Z`][^]+\.\n\nWhat to do: [^]+\.$/)
  })

  it.each(codes)('%s has a message and a fix of one line, without a full stop', (code) => {
    const { message, fix } = ERRORS[code]
    for (const text of [message, fix]) {
      expect(text).not.toBe('')
      expect(text).not.toMatch(/[\n.]$|\n/)
    }
  })
})

it('the table of errors has no row that nobody throws', () => {
  const folder = fileURLToPath(new URL('../../src', import.meta.url))
  const source = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && name !== join('base', 'errors.ts'))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n')
  expect(codes.filter((code) => !source.includes(`'${code}'`))).toEqual([])
})

describe('an error', () => {
  it('carries its code, a message and a fix made of its details, and its cause', () => {
    const cause = new Error('ECONNREFUSED')
    const details = { url: 'amqp://localhost', problem: 'nobody listens' }
    const error = new LovageError('BROKER_UNREACHABLE', details, { cause })
    expect(error).toBeInstanceOf(Error)
    expect(error.name).toBe('LovageError')
    expect(error.code).toBe('BROKER_UNREACHABLE')
    expect(error.message).toBe('The broker at amqp://localhost cannot be reached: nobody listens')
    expect(error.fix).toContain('LOVAGE_BROKER_URL')
    expect(error.details).toEqual(details)
    expect(error.cause).toBe(cause)
  })

  it('has no cause where none is given', () => {
    expect('cause' in new LovageError('BROKER_CLOSED')).toBe(false)
  })

  it('shows the placeholder of a detail that is not given, rather than nothing', () => {
    expect(new LovageError('TASK_UNKNOWN').message).toBe('Task {task} is not registered')
  })

  it('does not take a placeholder out of a value, nor a detail out of a prototype', () => {
    expect(new LovageError('TASK_UNKNOWN', { task: '{task}{constructor}' }).message).toBe(
      'Task {task}{constructor} is not registered',
    )
    const inherited = Object.create({ task: 'inherited' }) as Record<string, unknown>
    expect(new LovageError('TASK_UNKNOWN', inherited).message).toContain('{task}')
  })

  it('is made of any detail, also of one that has no text', () => {
    for (const task of [
      Object.create(null),
      Symbol('s'),
      {
        toString: () => {
          throw new Error('no')
        },
      },
    ]) {
      expect(new LovageError('TASK_UNKNOWN', { task }).message).toMatch(/^Task .+ is not registered$/)
    }
  })
})

describe('isLovageError', () => {
  it('tells ours from others', () => {
    expect(isLovageError(new LovageError('BROKER_CLOSED'))).toBe(true)
    expect(isLovageError(new LovageError('BROKER_CLOSED'), 'BROKER_CLOSED')).toBe(true)
    expect(isLovageError(new LovageError('BROKER_CLOSED'), 'UNROUTABLE')).toBe(false)
    for (const other of [
      new Error('x'),
      Object.assign(new Error('x'), { code: 'BROKER_CLOSED' }),
      'x',
      null,
      undefined,
    ]) {
      expect(isLovageError(other)).toBe(false)
    }
  })

  it('knows one of another copy of the package', () => {
    const other = Object.assign(new Error('x'), { name: 'LovageError', code: 'UNROUTABLE' })
    expect(isLovageError(other, 'UNROUTABLE')).toBe(true)
  })
})

describe('messageOf', () => {
  it.each<[unknown, string]>([
    [new Error('broken'), 'broken'],
    [new TypeError(''), 'TypeError'],
    ['a text', 'a text'],
    [undefined, 'undefined'],
    [{ a: 1 }, '[object Object]'],
    [Object.create(null), '[object Object]'],
    [Symbol('s'), 'Symbol(s)'],
    [new Error('two\n  lines\r\nand a half\n'), 'two lines and a half'],
    [new AggregateError([new Error('one'), new Error('two')]), 'one; two'],
    [new AggregateError([new Error('one')], 'its own'), 'its own'],
  ])('of %s is %j', (thrown, message) => {
    expect(messageOf(thrown)).toBe(message)
  })
})
