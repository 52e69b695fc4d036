// What `npm run bench` runs: every case in bench/cases, or those named, each in a process of its own, all on one RabbitMQ;
// what was measured goes to bench/report/. `--tiny` runs them just long enough to see that they work, and reports to a
// folder that is thrown away; `--long` measures what a whole run has no time for; `--only <text>` has a case of many rows
// measure only those whose names have the text.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadTypeScript } from '../scripts/load-ts.mjs'
import { ROOT, run, Steps } from '../scripts/steps.mjs'
import { BenchRabbitmq } from './run-rabbitmq.mjs'
import { expectedSeconds, minutesText, runGroup, toldAims } from './run-told.mjs'

/** What no case takes. One that does hangs, and must not keep the others from being measured. */
const CASE_SECONDS = { tiny: 300, whole: 1_200, long: 2 * 3_600 }

const { values, positionals } = parseArgs({
  options: { tiny: { type: 'boolean' }, long: { type: 'boolean' }, only: { type: 'string' } },
  allowPositionals: true,
})
const cases = readdirSync(join(ROOT, 'bench', 'cases'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length))
const unknown = positionals.filter((name) => !cases.includes(name))
if (unknown.length > 0) {
  console.error(`There is no case ${unknown.join(', ')}. There are: ${cases.join(', ')}`)
  process.exit(1)
}
// The model is fed with what the others measure.
const chosen = positionals.length > 0 ? positionals : [...cases.filter((name) => name !== 'model'), 'model']
const whole = chosen.filter((name) => !/\b(isWanted|part)\b/.test(sourceOf(name)))
if (values.only !== undefined && whole.length > 0) {
  console.error(`Of ${whole.join(', ')} no part can be measured alone: leave --only out`)
  process.exit(1)
}

if ((await run(process.execPath, [join(ROOT, 'scripts', 'build.mjs')])) !== 0) process.exit(1)

/** @type {typeof import('./rendering/results.ts')} */
const { conditionsNow, gather, readResults } = await loadTypeScript(join(ROOT, 'bench', 'rendering', 'results.ts'))
/** @type {typeof import('./rendering/report.ts')} */
const { writeReport } = await loadTypeScript(join(ROOT, 'bench', 'rendering', 'report.ts'))
/** @type {typeof import('./rendering/judged.ts')} */
const judging = await loadTypeScript(join(ROOT, 'bench', 'rendering', 'judged.ts'))

const steps = new Steps('bench')
const measured = mkdtempSync(join(tmpdir(), 'lovage-bench-'))
const report = values.tiny ? join(measured, 'report') : join(ROOT, 'bench', 'report')
const limit = values.tiny ? CASE_SECONDS.tiny : values.long ? CASE_SECONDS.long : CASE_SECONDS.whole
const expected = expectedSeconds(readResults(join(ROOT, 'bench', 'report')), values.tiny === true)
const rabbitmq = new BenchRabbitmq(chosen.filter((name) => sourceOf(name).includes('amqpUrl')))
const began = performance.now()
try {
  for (const [i, name] of chosen.entries()) {
    if (!values.only && !values.long) {
      const left = chosen.slice(i).reduce((sum, each) => sum + expected(each), 0)
      const spent = minutesText((performance.now() - began) / 1_000)
      console.log(`\nCase ${i + 1} of ${chosen.length}, after ${spent}; about ${minutesText(left)} to go`)
    }
    const args = [join(ROOT, 'bench', 'run-case.mjs'), name, `--results=${measured}`]
    if (values.tiny) args.push('--tiny')
    if (values.long) args.push('--long')
    if (values.only !== undefined) args.push(`--only=${values.only}`)
    const before = conditionsNow()
    const passed = await steps.step(name, async () => {
      const amqp = await rabbitmq.urlFor(name)
      if (amqp !== undefined) args.push(`--amqp=${amqp}`)
      return runGroup(process.execPath, args, { timeoutMs: limit * 1_000 })
    })
    const { seconds } = steps.done.at(-1) ?? { seconds: 0 }
    gather(report, measured, name, { before, seconds, isPart: values.only !== undefined })
    // What it left may be in the way of the others.
    if (!passed) await rabbitmq.clean(name)
  }
  await steps.step('report', async () => {
    writeReport(report)
    return 0
  })
  // Those of a trial mean nothing.
  if (!values.tiny) for (const line of toldAims(readResults(report), chosen, judging)) console.log(line)
} finally {
  await rabbitmq.remove()
  rmSync(measured, { recursive: true, force: true })
}
for (const { name, seconds } of steps.done) console.log(`${seconds.toFixed(1).padStart(8)} s  ${name}`)
console.log(`${minutesText((performance.now() - began) / 1_000)} in all`)
steps.finish()

/** @param {string} name */
function sourceOf(name) {
  return readFileSync(join(ROOT, 'bench', 'cases', `${name}.ts`), 'utf8')
}
