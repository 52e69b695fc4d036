import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ERRORS, type ErrorCode } from '../../src/base/errors.ts'
import { resolveOptions } from '../../src/gateway/options.ts'
import { statusOf } from '../../src/gateway/reply.ts'

const guide = readFileSync(new URL('../../docs/guide-gateway.md', import.meta.url), 'utf8')

/** The cells of the table under a heading, without its head. */
function tableUnder(heading: string): string[][] {
  const section = guide.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
  return [...section.matchAll(/^\|(.+)\|$/gm)]
    .slice(2)
    .map(([, row]) => (row as string).split('|').map((cell) => cell.trim()))
}

const stated = tableUnder('Statuses').flatMap(([status, codes]) =>
  [...(codes as string).matchAll(/`(\w+)`/g)].map(([, code]) => [code as ErrorCode, Number(status)] as const),
)

test.each(stated)('the guide and the code give %s the same status', (code, status) => {
  expect(statusOf(code)).toBe(status)
})

test('the guide has every code that is answered with a status of its own', () => {
  const codes = Object.keys(ERRORS) as ErrorCode[]
  const own = codes.filter((code) => statusOf(code) !== 500 && code !== 'CLIENT_GONE')
  expect(own.filter((code) => !stated.some(([told]) => told === code))).toEqual([])
})

test('the guide has every option, with its default', () => {
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, MiB: 2 ** 20, KiB: 1_024 }
  const defaults: Readonly<Record<string, unknown>> = { ...resolveOptions() }
  const told = tableUnder('Options').map(([name, value]) => {
    const option = (name as string).replaceAll('`', '')
    const text = (value as string).replace(/[`',]/g, '')
    const [, number, unit = ''] = /^(\d+) ?([a-zA-Z]*)$/.exec(text) ?? []
    if (number === undefined) return [option, text]
    return [Object.hasOwn(defaults, option) ? option : `${option}Ms`, Number(number) * (units[unit] ?? 1)]
  })
  expect(Object.fromEntries(told)).toEqual({
    ...defaults,
    allowedHosts: '[]',
    allowedOrigins: '[]',
    requireBroker: 'false',
    metrics: 'false',
    refuseLate: 'false',
    openapi: 'false',
    tls: 'none',
    exposeErrors: 'false',
  })
})
