import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Row } from '../../bench/case.ts'
import { judged } from '../../bench/rendering/judged.ts'
import { writeReport } from '../../bench/rendering/report.ts'
import { conditionsNow, gather, readResults } from '../../bench/rendering/results.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lovage-report-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** As bench/run-case.mjs leaves it. */
function measured(name: string, outcome: { rows: Row[] } | { failed: string }, isPart = false): void {
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(outcome))
  gather(folder, folder, name, { before: conditionsNow(), seconds: 1, isPart })
}

function report(): string {
  writeReport(folder)
  return readFileSync(join(folder, 'README.md'), 'utf8')
}

const rate = (what: string, value: number): Row => ({ what, value, unit: '/s' })

const share = (value: number): Row => ({
  what: 'drain, to bare speaker',
  value,
  unit: 'x',
  spread: [value - 0.1, value + 0.1],
  group: 'drain',
  contender: 'bare speaker',
  aim: { atLeast: 0.8, why: 'Acknowledging takes the rest.' },
})

test('an aim is reached from its value on, in either direction', () => {
  expect(judged(0.9, { atLeast: 0.9 })).toEqual({ reached: true, share: 1 })
  expect(judged(0.45, { atLeast: 0.9 })).toEqual({ reached: false, share: 0.5 })
  expect(judged(20, { atMost: 20 })).toEqual({ reached: true, share: 1 })
  expect(judged(40, { atMost: 20 })).toEqual({ reached: false, share: 0.5 })
  expect(judged(-0.01, { atMost: 0.15 }).reached).toBe(true)
})

test('what is not reached says how far it is, and why', () => {
  measured('drain', { rows: [share(0.6)] })
  const text = report()
  expect(text).toContain('0 of 1 are reached.')
  expect(text).toContain('| 0.60 | 0.50 to 0.70 | at least 0.8 | 75 % of it |')
  expect(text).toContain('Acknowledging takes the rest.')
  measured('drain', { rows: [share(0.8)] })
  expect(report()).toContain('1 of 1 are reached.')
  expect(report()).not.toContain('Acknowledging takes the rest.')
})

test('one reason for many is told once', () => {
  measured('drain', { rows: [share(0.6)] })
  measured('fill', { rows: [{ ...share(0.7), what: 'fill, to bare speaker', group: 'fill' } as Row] })
  const text = report()
  expect(text).toContain('**Drain, to bare speaker**; **Fill, to bare speaker**: Acknowledging takes the rest.')
  expect(text.split('Acknowledging takes the rest.')).toHaveLength(2)
})

test('how Lovage stands to a peer is told over all cases, of rates alone', () => {
  const beside = (name: string, value: number, theirs: string): Row[] => [
    { ...rate(`${name}, lovage`, 9), group: name, contender: 'lovage' } as Row,
    { ...rate(`${name}, ${theirs}`, 9), group: name, contender: theirs } as Row,
    { what: `${name}, to ${theirs}`, value, unit: 'x', group: name, contender: theirs },
    { what: `${name}, p50 to ${theirs}`, value: 0.1, unit: 'x', group: name, contender: theirs },
  ]
  measured('drain', { rows: [...beside('drain', 3, 'Celery, prefork 2'), ...beside('drain all', 0.5, 'bare speaker')] })
  measured('fill', { rows: [...beside('fill', 5, 'Celery, threads 50'), ...beside('fill all', 7, 'lovage, three')] })
  const text = report()
  expect(text).toContain('| Celery | 2 | 4.00 | 3.00 | 5.00 |')
  expect(text).toContain('| bare client (a limit) | 1 | 0.50 | 0.50 | 0.50 |')
  expect(text).not.toContain('7.00 | 7.00')
  expect(text).toContain('[`drain`](#drain)')
})

test('a case that is measured again alone leaves the others as they were', () => {
  measured('one', { rows: [rate('first', 1), rate('second', 2)] })
  measured('two', { rows: [rate('third', 3)] })
  measured('one', { rows: [rate('second', 5)] }, true)
  const results = readResults(folder)
  expect(results['one']?.rows).toEqual([rate('first', 1), rate('second', 5)])
  expect(results['two']?.rows).toEqual([rate('third', 3)])
})

test('a case that fails is told, and the others with it', () => {
  measured('one', { rows: [rate('first', 1)] })
  measured('two', { failed: 'no answer from /somewhere/on/this/machine' })
  const text = report()
  expect(text).toContain('because the case failed: `two`')
  expect(text).toContain('no answer from …')
  expect(text).toContain('| first | 1 /s |')
})

test('every picture is well-formed, stands alone, and is shown', () => {
  const beside = { cpuMicros: 30, serverCpuMicros: 90, memoryMiB: 80, percentiles: { p50: 1, p99: 4, p999: 9 } }
  const values = ['lovage', 'bare speaker'].map(
    (contender): Row => ({ ...rate(`drain, ${contender}`, 9), ...beside, group: 'drain', contender }) as Row,
  )
  const points = [10, 10_000].map(
    (x): Row =>
      ({ ...rate(`curve <${x}> & more`, x), contender: 'lovage', at: { curve: 'a < b & c', x, axis: 'bytes' } }) as Row,
  )
  measured('drain', { rows: [share(0.6), ...values, ...points, { what: 'pg-boss', leftOut: 'it is not installed' }] })
  const text = report()
  const pictures = readdirSync(folder).filter((file) => file.endsWith('.svg'))
  expect(pictures.toSorted()).toEqual([
    'aims.svg',
    'drain-cpu.svg',
    'drain-curve-a-b-c.svg',
    'drain-latencies.svg',
    'drain-memory.svg',
    'drain-shares.svg',
    'peers.svg',
  ])
  for (const file of pictures) {
    const svg = readFileSync(join(folder, file), 'utf8')
    expect(XMLValidator.validate(svg)).toBe(true)
    expect(new XMLParser({ ignoreAttributes: false }).parse(svg)).toMatchObject({
      svg: { '@_xmlns': 'http://www.w3.org/2000/svg' },
    })
    expect(text).toContain(`](${file})`)
  }
  expect(text).toContain('Left out: pg-boss: it is not installed.')
})
