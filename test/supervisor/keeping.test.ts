import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isLovageError } from '../../src/base/errors.ts'
import type { ProcessConfig } from '../../src/supervisor/configuration.ts'
import { readConfiguration } from '../../src/supervisor/read-configuration.ts'
import { temporaryFolder } from '../services/reaper.ts'

function read(programs: string): ProcessConfig[] {
  const file = join(temporaryFolder('keeping'), 's.conf')
  writeFileSync(file, `[supervisord]\n${programs}`)
  const { groups, ignored } = readConfiguration(file, { env: {}, host: 'vm', temporary: '/tmp' })
  expect(ignored).toEqual([])
  return groups.flatMap(({ processes }) => processes)
}

function wrong(programs: string): string {
  try {
    read(programs)
  } catch (error) {
    if (isLovageError(error, 'SUPERVISOR_CONFIG_INVALID')) return error.message.replace(/^.*\/s\.conf/, '')
    throw error
  }
  return 'nothing is wrong'
}

const program = (name: string, ...lines: string[]): string =>
  [`[program:${name}]`, 'command=cat', ...lines, ''].join('\n')

describe('readiness', () => {
  test.each([
    ['startsecs', null],
    ['exit', { kind: 'exit' }],
    ['tcp://127.0.0.1:80', { kind: 'tcp', host: '127.0.0.1', port: 80 }],
    ['tcp://[::1]:80', { kind: 'tcp', host: '::1', port: 80 }],
    ['unix:///run/x.sock', { kind: 'unix', path: '/run/x.sock' }],
    ['http://127.0.0.1:80/health', { kind: 'http', url: 'http://127.0.0.1:80/health' }],
    ['log:^listening on \\d+', { kind: 'log', pattern: '^listening on \\d+' }],
    ['command:test -e %(program_name)s', { kind: 'command', command: 'test -e web' }],
  ])('ready=%s', (text, ready) => {
    expect(read(program('web', `ready=${text}`))[0]?.ready).toEqual(ready)
  })

  test.each(['soon', 'tcp://127.0.0.1', 'tcp://127.0.0.1:99999', 'log:(', 'command: ', 'http://'])(
    'ready=%s is refused, with its place',
    (text) => {
      expect(wrong(program('web', `ready=${text}`))).toMatch(/^:4: \[program:web\] ready is n/)
    },
  )
})

test('a program says how it is drained, who is asked before it is stopped, and for how long', () => {
  const [web] = read(
    program('web', 'drain=sh -c "x %(process_num)d"', 'drainwaitsecs=7', 'stop_guard=may', 'readywaitsecs=9'),
  )
  expect(web).toMatchObject({ drain: 'sh -c "x 0"', drainwaitsecs: 7, stopGuard: 'may', readywaitsecs: 9 })
  expect(wrong(program('web', 'drainwaitsecs=0'))).toMatch(/^:4: \[program:web\] drainwaitsecs is less than 1: 0/)
  const [plain] = read(program('web'))
  expect(plain).toMatchObject({ drain: null, drainwaitsecs: 300, stopGuard: null, readywaitsecs: 60, dependsOn: [] })
})

describe('order', () => {
  test('a program depends on programs and groups, also those of another group', () => {
    const group = '[group:data]\nprograms=db,cache\n'
    const all = read(
      program('web', 'depends_on=data, setup') +
        program('db') +
        program('cache') +
        program('setup', 'depends_on=db') +
        group,
    )
    expect(all.find(({ name }) => name === 'web')).toMatchObject({ dependsOn: ['data', 'setup'] })
  })

  test('one that is not there is refused', () => {
    expect(wrong(program('web', 'depends_on=db'))).toBe(
      ':4: [program:web] depends_on names a program that is not there: db',
    )
  })

  test('a circle is refused, over groups too, naming all of it', () => {
    expect(wrong(program('a', 'depends_on=a'))).toBe(':4: [program:a] depends_on waits for itself: a -> a')
    const group = '[group:g]\nprograms=c,d\n'
    const circle =
      program('a', 'depends_on=b') + program('b', 'depends_on=g') + program('c') + program('d', 'depends_on=a')
    expect(wrong(circle + group)).toMatch(
      /^:\d+: \[program:\w\] depends_on waits for itself: (a -> b -> d -> a|d -> a -> b -> d|b -> d -> a -> b)$/,
    )
  })
})
