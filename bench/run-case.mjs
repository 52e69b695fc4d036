// Runs one case of bench/cases in this process, prints its figures, and leaves them as JSON for the report.
// argv: name, --tiny, --long, --amqp=<url>, --only=<text>, --results=<folder>.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadTypeScript } from '../scripts/load-ts.mjs'
import { ROOT } from '../scripts/steps.mjs'

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
/** @param {{ rows: import('./case.ts').Row[] } | { failed: string }} outcome */
const leave = (outcome) => {
  if (results !== undefined) writeFileSync(join(results, `${name}.json`), JSON.stringify(outcome))
}
try {
  /** @type {{ default: import('./case.ts').BenchCase }} */
  const bench = await loadTypeScript(join(ROOT, 'bench', 'cases', `${name}.ts`), { built: true })
  const rows = await bench.default({ tiny, long, amqpUrl: amqp, isWanted: (what) => what.includes(only) })
  check(rows)
  leave({ rows })
  for (const row of rows) console.log(lineOf(row))
} catch (error) {
  leave({ failed: error instanceof Error ? error.message : String(error) })
  throw error
}

/** @param {readonly import('./case.ts').Row[]} rows */
function check(rows) {
  if (rows.length === 0) throw new Error(`case ${name} measured nothing`)
  const seen = new Set()
  for (const row of rows) {
    if (seen.has(row.what)) throw new Error(`case ${name} has two rows ${row.what}`)
    seen.add(row.what)
    if (!('leftOut' in row) && !Number.isFinite(row.value)) {
      throw new Error(`case ${name} measured ${row.value} for ${row.what}`)
    }
  }
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
