// What `npm run bench` runs: every case in bench/cases, or those named, each in a process of its own. `--tiny` runs them
// just long enough to see that they work.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT, run, Steps } from '../scripts/steps.mjs'

const { values, positionals } = parseArgs({ options: { tiny: { type: 'boolean' } }, allowPositionals: true })
const cases = readdirSync(join(ROOT, 'bench', 'cases'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length))
const unknown = positionals.filter((name) => !cases.includes(name))
if (unknown.length > 0) {
  console.error(`There is no case ${unknown.join(', ')}. There are: ${cases.join(', ')}`)
  process.exit(1)
}

if ((await run(process.execPath, [join(ROOT, 'scripts', 'build.mjs')])) !== 0) process.exit(1)

const steps = new Steps('bench')
for (const name of positionals.length > 0 ? positionals : cases) {
  const args = [join(ROOT, 'bench', 'run-case.mjs'), name, ...(values.tiny ? ['--tiny'] : [])]
  await steps.step(name, () => run(process.execPath, args))
}
steps.finish()
