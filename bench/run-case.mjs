// Runs one case of bench/cases in this process and prints its figures. argv: name, --tiny, --amqp=<url>, --only=<text>.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadTypeScript } from '../scripts/load-ts.mjs'
import { ROOT } from '../scripts/steps.mjs'

const { values, positionals } = parseArgs({
  options: { tiny: { type: 'boolean', default: false }, amqp: { type: 'string' }, only: { type: 'string' } },
  allowPositionals: true,
})
const [name = ''] = positionals
/** @type {{ default: import('./case.ts').BenchCase }} */
const bench = await loadTypeScript(join(ROOT, 'bench', 'cases', `${name}.ts`), { built: true })
const { tiny, amqp, only = '' } = values
const figures = await bench.default({ tiny, amqpUrl: amqp, isWanted: (what) => what.includes(only) })
if (figures.length === 0) throw new Error(`case ${name} measured nothing`)
for (const figure of figures) {
  if ('leftOut' in figure) {
    console.log(`${figure.what.padEnd(60)}     left out: ${figure.leftOut}`)
    continue
  }
  const { what, value, unit, note } = figure
  if (!Number.isFinite(value)) throw new Error(`case ${name} measured ${value} for ${what}`)
  console.log(`${what.padEnd(60)} ${formatted(value).padStart(12)} ${unit}${note ? `  (${note})` : ''}`)
}

/** @param {number} value */
function formatted(value) {
  return value.toLocaleString('en-US', { maximumFractionDigits: Math.abs(value) < 100 ? 3 : 0 })
}
