import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import type { Profiler } from 'node:inspector'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import type { Row } from '../../bench/case.ts'
import type { Part } from '../../bench/profile/parts.ts'
import { rabbitmqParts } from '../../bench/profile/rabbitmq.ts'
import { sourceOf } from '../../bench/profile/sources.ts'
import { RULES, sharesOf, stageOf, STAGES } from '../../bench/profile/stages.ts'
import { chartsOf } from '../../bench/rendering/charts.ts'
import { tablesOf } from '../../bench/rendering/tables.ts'

const SRC = join(import.meta.dirname, '..', '..', 'src')
const ours = (path: string): string => `file:///app/node_modules/lovage/dist/${path}.js`

/** One stack for each: the innermost function first, its file, and the samples of 1 ms in it. */
function profileOf(
  stacks: readonly (readonly [samples: number, ...frames: (readonly [string, string])[]])[],
): Profiler.Profile {
  const root = { id: 1, callFrame: frame('(root)', ''), children: [] as number[] }
  const nodes: Profiler.ProfileNode[] = [root]
  const samples: number[] = []
  for (const [count, ...frames] of stacks) {
    let parent: Profiler.ProfileNode = root
    for (const [name, url] of frames.toReversed()) {
      const node = { id: nodes.length + 1, callFrame: frame(name, url), children: [] }
      parent.children?.push(node.id)
      nodes.push(node)
      parent = node
    }
    samples.push(...Array.from({ length: count }, () => parent.id))
  }
  return { nodes, startTime: 0, endTime: samples.length * 1_000, samples, timeDeltas: samples.map(() => 1_000) }
}

function frame(functionName: string, url: string): Profiler.ProfileNode['callFrame'] {
  return { functionName, url, scriptId: '1', lineNumber: 0, columnNumber: 0 }
}

const sum = (values: Iterable<number>): number => [...values].reduce((all, value) => all + value, 0)

test('what many use counts for who called it, and what nobody of ours called for the runtime', () => {
  expect(stageOf(['node:internal/buffer', ours('protocol/json'), ours('app/send')])).toBe('request made')
  expect(stageOf([ours('protocol/json'), ours('pool/perform'), ours('worker/shift')])).toBe('body read, task run')
  expect(stageOf([ours('broker/amqp/wire/table-writer'), ours('app/send')])).toBe('messages to bytes and back')
  expect(stageOf(['file:///app/node_modules/ioredis/built/Redis.js'])).toBe('sent, taken, acknowledged')
  expect(stageOf(['node:internal/timers'])).toBe('the runtime, and the rest')
})

test('a function counts for the file that it was written in, where what runs is put together of many', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-profile-'))
  try {
    const file = join(folder, 'client.js')
    // The first line of the file is the first of the source.
    const map = { version: 3, sources: ['../src/app/send.ts'], names: [], mappings: 'AAAA' }
    writeFileSync(`${file}.map`, JSON.stringify(map))
    expect(stageOf([sourceOf(frame('send', pathToFileURL(file).href))])).toBe('request made')
    expect(sourceOf(frame('send', ours('app/send')))).toBe(ours('app/send'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('every rule is of a file that is there', () => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).map((file) => file.replace(/\.ts$/, ''))
  for (const [rule] of RULES)
    expect(
      files.filter((file) => rule.test(file)),
      String(rule),
    ).not.toHaveLength(0)
})

test('time outside of the kernel is split by samples, without idleness and without calls into the kernel', () => {
  const profile = profileOf([
    [500, ['(idle)', '']],
    [300, ['write', ours('backend/rpc/pack')]],
    [100, ['send', ours('app/send')]],
    [50, ['writev', ''], ['flush', ours('broker/amqp/client/outgoing')]],
    [50, ['(program)', '']],
  ])
  const shares = sharesOf([profile], 0.2)
  expect(shares.get('results')).toBeCloseTo(0.75)
  expect(shares.get('request made')).toBeCloseTo(0.25)
  // A fifth of 500 ms is in the kernel: the call that is seen, and all that is called `(program)`.
  expect(shares.get('the runtime, and the rest')).toBe(0)
  expect(shares.has('the kernel')).toBe(false)
  expect(sharesOf([profile], 0.1).get('the runtime, and the rest')).toBeCloseTo(50 / 450)
})

test('the parts of RabbitMQ are all of its time', () => {
  const spent = { files: { user: 4, system: 6 }, all: { user: 84, system: 36 } }
  const work = { 'queue tasks': 600, 'queue reply': 100, rabbit_channel: 200, rabbit_reader: 50, file_server_2: 50 }
  const states = { emulator: 50, gc: 20, port: 10, check_io: 5, aux: 10, other: 5 }
  const parts = rabbitmqParts(spent, { work, states }, 'tasks')
  expect(sum(parts.map(({ micros }) => micros))).toBeCloseTo(120)
  const of = (stage: Part['stage']): number =>
    sum(parts.filter((part) => part.stage === stage).map(({ micros }) => micros))
  expect(of('queues')).toBeCloseTo(80 * 0.5 * 0.6)
  expect(of('journal')).toBeCloseTo(10)
  expect(of('the kernel')).toBeCloseTo(30)
})

test('pieces are shown as bars, and told in a table with their sums', () => {
  const piece = (bar: string, stage: (typeof STAGES)[number], value: number): Row => ({
    what: `Redis, ${bar}: ${stage}`,
    value,
    unit: 'µs',
    stack: { group: 'Redis', bar, part: stage, detail: stage },
  })
  const rows = [piece('caller', 'request made', 4), piece('worker', 'results', 9), piece('caller', 'results', 6)]
  const text = tablesOf(rows)
  expect(text).toContain('**Redis: 19 µs**')
  expect(text).toContain('| results | 6 | 9 |')
  expect(text).toContain('| together | 10 | 9 |')
  const charts = chartsOf(rows)
  expect(charts.map(({ name }) => name)).toEqual(['stacks'])
  for (const label of ['caller', 'worker', '● request made', '● results']) expect(charts[0]?.svg).toContain(label)
})
