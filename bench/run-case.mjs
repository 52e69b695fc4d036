// Runs one case of bench/cases in this process and prints its figures.
import { join } from 'node:path'
import { createJiti } from 'jiti'
import { ROOT } from '../scripts/steps.mjs'

const [name = '', ...flags] = process.argv.slice(2)
const jiti = createJiti(import.meta.url, {
  alias: {
    lovage: join(ROOT, 'dist', 'index.js'),
    'lovage/worker': join(ROOT, 'dist', 'worker', 'worker.js'),
    'lovage/gateway': join(ROOT, 'dist', 'gateway', 'gateway.js'),
  },
})
/** @type {import('./case.ts').BenchCase} */
const bench = await jiti.import(join(ROOT, 'bench', 'cases', `${name}.ts`), { default: true })
const figures = await bench({ tiny: flags.includes('--tiny') })
if (figures.length === 0) throw new Error(`case ${name} measured nothing`)
for (const { what, value, unit, note } of figures) {
  if (!Number.isFinite(value)) throw new Error(`case ${name} measured ${value} for ${what}`)
  console.log(`${what.padEnd(60)} ${formatted(value).padStart(12)} ${unit}${note ? `  (${note})` : ''}`)
}
// A case that leaves something running is not done.
process.exitCode = 0

/** @param {number} value */
function formatted(value) {
  return value.toLocaleString('en-US', { maximumFractionDigits: Math.abs(value) < 100 ? 3 : 0 })
}
