import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { BROKER_FEATURES } from '../../src/app/broker-features.ts'
import { BACKEND_FEATURES, type Feature, STORE_FEATURES } from '../../src/app/capabilities.ts'
import { POOL_FEATURES } from '../../src/app/pool-features.ts'

const page = readFileSync(new URL('../../docs/semantics.md', import.meta.url), 'utf8')

/** The rows of the table behind a mark, cell by cell. */
function tableAfter(mark: string): string[][] {
  const [, after = ''] = page.split(`<!-- ${mark} -->`)
  const lines = after.trimStart().split('\n')
  const end = lines.findIndex((line) => !line.startsWith('|'))
  return lines.slice(0, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

/** The same table, made from the code. */
function tableOf(
  features: Readonly<Record<string, Feature<string>>>,
  names: Readonly<Record<string, string>>,
): string[][] {
  const kinds = Object.keys(names)
  const rows = Object.values(features).map(({ title, kinds: has }) => [
    title,
    ...kinds.map((kind) => {
      const [can, note] = has[kind] ?? [false, 'the kind is not in the table']
      return [can ? 'yes' : 'no', note].filter(Boolean).join(': ')
    }),
  ])
  return [['', ...Object.values(names)], ...rows]
}

/** Without the line of dashes. */
const withoutRule = ([head = [], , ...rows]: string[][]): string[][] => [head, ...rows]

test('the page tells what each broker can do, as the code has it', () => {
  const expected = tableOf(BROKER_FEATURES, {
    amqp: 'RabbitMQ',
    redis: 'Redis',
    embedded: 'embedded',
    memory: 'memory',
  })
  expect(withoutRule(tableAfter('brokers'))).toEqual(expected)
})

test('the page tells what each result backend can do, as the code has it', () => {
  expect(withoutRule(tableAfter('backends'))).toEqual(
    tableOf(BACKEND_FEATURES, { rpc: 'rpc', redis: 'Redis', embedded: 'embedded', memory: 'memory' }),
  )
})

test('the page tells what each pool can do, as the code has it', () => {
  expect(withoutRule(tableAfter('pools'))).toEqual(
    tableOf(POOL_FEATURES, { async: 'async', threads: 'threads', processes: 'processes' }),
  )
})

test('the page tells what each store can do, as the code has it', () => {
  expect(withoutRule(tableAfter('stores'))).toEqual(
    tableOf(STORE_FEATURES, { redis: 'Redis', embedded: 'embedded', memory: 'memory' }),
  )
})

test('the page has a column for every kind that the code knows', () => {
  for (const { kinds } of Object.values(BROKER_FEATURES)) {
    expect(Object.keys(kinds).length).toBe((tableAfter('brokers')[0]?.length as number) - 1)
  }
  for (const { kinds } of Object.values(BACKEND_FEATURES)) {
    expect(Object.keys(kinds).length).toBe((tableAfter('backends')[0]?.length as number) - 1)
  }
})

test('each test that the page names is there, and is a test', () => {
  const named = [...page.matchAll(/\]\((\.\.\/(?:test|prove)\/[^)]+)\)/g)].map((match) => match[1] as string)
  expect(named.length).toBeGreaterThan(30)
  for (const path of named) {
    expect(readFileSync(new URL(`../../docs/${path}`, import.meta.url), 'utf8')).toMatch(/\b(test|it|suite|run)\b/i)
  }
})
