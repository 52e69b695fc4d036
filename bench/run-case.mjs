// Runs one case of bench/cases in this process, prints its figures, and leaves them as JSON for the report.
// argv: name, --tiny, --long, --amqp=<url>, --only=<text>, --results=<folder>.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadTypeScript } from '../scripts/load-ts.mjs'
import { ROOT } from '../scripts/steps.mjs'

/** What no part of a case takes. One that does hangs, and what was measured before it must not be lost with it. */
const PART_SECONDS = 600
const PART_SECONDS_LONG = 3_000

/** How long a case that has told all may take to let go of what it holds. */
const END_MS = 15_000

const { values, positionals } = parseArgs({
  options: {
    tiny: { type: 'boolean', default: false },
    long: { type: 'boolean', default: false },
    amqp: { type: 'string' },
    only: { type: 'string' },
    results: { type: 'string' },
  },
  allowPositionals: true,
})
const [name = ''] = positionals
const { tiny, long, amqp, only = '', results } = values
/** @type {import('./case.ts').Row[]} */
const kept = []
/** @param {{ rows: readonly import('./case.ts').Row[], failed?: string }} outcome */
const leave = (outcome) => {
  if (results !== undefined) writeFileSync(join(results, `${name}.json`), JSON.stringify(outcome))
}
const isWanted = (/** @type {string} */ what) => what.includes(only)
try {
  /** @type {{ default: import('./case.ts').BenchCase }} */
  const bench = await loadTypeScript(join(ROOT, 'bench', 'cases', `${name}.ts`), { built: true })
  const rows = checked(await bench.default({ tiny, long, amqpUrl: amqp, isWanted, part }))
  leave({ rows })
  for (const row of rows) console.log(lineOf(row))
  const failed = rows.some((row) => 'leftOut' in row && row.failed)
  process.exitCode = failed ? 1 : 0
} catch (error) {
  giveUp(error)
}
setTimeout(() => {
  console.error(`case ${name} is over and its process is not: it holds on to something`)
  process.exit()
}, END_MS).unref()

/** @type {import('./case.ts').BenchOptions['part']} */
async function part(what, measure) {
  if (!isWanted(what)) return []
  const from = performance.now()
  const seconds = () => ((performance.now() - from) / 1_000).toFixed(1)
  // What hangs cannot be stopped, and would take part in all that is measured after it.
  const limit = long ? PART_SECONDS_LONG : PART_SECONDS
  const timer = setTimeout(() => giveUp(new Error(`${what}: not done within ${limit} s`)), limit * 1_000)
  /** @type {readonly import('./case.ts').Row[]} */
  let rows
  try {
    rows = await measure()
    console.log(`   ${what} (${seconds()} s)`)
  } catch (error) {
    console.error(`   ${what} failed after ${seconds()} s:`, error)
    rows = [{ what, leftOut: `it failed: ${textOf(error)}`, failed: true }]
  } finally {
    clearTimeout(timer)
  }
  kept.push(...rows)
  leave({ rows: kept, failed: 'it ended before all was measured' })
  return rows
}

/** Tells what there is, and ends: processes that were started from here end with this one. */
function giveUp(/** @type {unknown} */ error) {
  console.error(error)
  leave({ rows: kept, failed: textOf(error) })
  for (const row of kept) console.log(lineOf(row))
  process.exit(1)
}

function textOf(/** @type {unknown} */ error) {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? ''
}

/**
 * What is no number is told as failed.
 * @param {readonly import('./case.ts').Row[]} rows
 * @returns {import('./case.ts').Row[]}
 */
function checked(rows) {
  if (rows.length === 0) throw new Error(`case ${name} measured nothing`)
  const seen = new Set()
  return rows.map((row) => {
    if (seen.has(row.what)) throw new Error(`case ${name} has two rows ${row.what}`)
    seen.add(row.what)
    if ('leftOut' in row || Number.isFinite(row.value)) return row
    return { what: row.what, leftOut: `it was measured as ${row.value}`, failed: true }
  })
}

/** @param {import('./case.ts').Row} row */
function lineOf(row) {
  if ('leftOut' in row) return `${row.what.padEnd(60)}     left out: ${row.leftOut}`
  const { what, value, unit, note, spread, percentiles, cpuMicros, serverCpuMicros, memoryMiB } = row
  const more = [
    spread && `${formatted(spread[0])} to ${formatted(spread[1])}`,
    percentiles && `p50 ${formatted(percentiles.p50)}, p99 ${formatted(percentiles.p99)} ms`,
    percentiles && `p99.9 ${formatted(percentiles.p999)} ms`,
    cpuMicros !== undefined && `CPU ${formatted(cpuMicros)} µs`,
    serverCpuMicros !== undefined && `and ${formatted(serverCpuMicros)} µs in the server`,
    memoryMiB !== undefined && `${formatted(memoryMiB)} MiB`,
    note,
  ].filter(Boolean)
  return `${what.padEnd(60)} ${formatted(value).padStart(12)} ${unit}${more.length > 0 ? `  (${more.join(', ')})` : ''}`
}

/** @param {number} value */
function formatted(value) {
  return value.toLocaleString('en-US', { maximumFractionDigits: Math.abs(value) < 100 ? 3 : 0 })
}
