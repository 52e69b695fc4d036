// Runs one case of bench/cases in this process and prints its figures.
import { join } from 'node:path'
import { loadTypeScript } from '../scripts/load-ts.mjs'
import { ROOT } from '../scripts/steps.mjs'

const [name = '', ...flags] = process.argv.slice(2)
/** @type {{ default: import('./case.ts').BenchCase }} */
const bench = await loadTypeScript(join(ROOT, 'bench', 'cases', `${name}.ts`), { built: true })
const figures = await bench.default({ tiny: flags.includes('--tiny') })
if (figures.length === 0) throw new Error(`case ${name} measured nothing`)
for (const { what, value, unit, note } of figures) {
  if (!Number.isFinite(value)) throw new Error(`case ${name} measured ${value} for ${what}`)
  console.log(`${what.padEnd(60)} ${formatted(value).padStart(12)} ${unit}${note ? `  (${note})` : ''}`)
}

/** @param {number} value */
function formatted(value) {
  return value.toLocaleString('en-US', { maximumFractionDigits: Math.abs(value) < 100 ? 3 : 0 })
}
