// What `npm run bench` runs: every case in bench/cases, or those named, each in a process of its own, all on one RabbitMQ;
// what was measured goes to bench/report/. `--tiny` runs them just long enough to see that they work, and reports to a
// folder that is thrown away; `--long` measures what a whole run has no time for; `--only <text>` has a case of many rows
// measure only those whose names have the text.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadTypeScript } from '../scripts/load-ts.mjs'
import { hasService } from '../scripts/services.mjs'
import { ROOT, run, Steps } from '../scripts/steps.mjs'

/** What no case takes. One that does hangs, and must not keep the others from being measured. */
const CASE_SECONDS = 15 * 60

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
const chosen = positionals.length > 0 ? positionals : cases
const whole = chosen.filter((name) => !sourceOf(name).includes('isWanted'))
if (values.only !== undefined && whole.length > 0) {
  console.error(`Of ${whole.join(', ')} no part can be measured alone: leave --only out`)
  process.exit(1)
}

if ((await run(process.execPath, [join(ROOT, 'scripts', 'build.mjs')])) !== 0) process.exit(1)

/** @type {typeof import('./rendering/results.ts')} */
const { conditionsNow, gather } = await loadTypeScript(join(ROOT, 'bench', 'rendering', 'results.ts'))
/** @type {typeof import('./rendering/report.ts')} */
const { writeReport } = await loadTypeScript(join(ROOT, 'bench', 'rendering', 'report.ts'))

const steps = new Steps('bench')
const measured = mkdtempSync(join(tmpdir(), 'lovage-bench-'))
const report = values.tiny ? join(measured, 'report') : join(ROOT, 'bench', 'report')
const node = await startRabbitmq(chosen)
try {
  for (const name of chosen) {
    const args = [join(ROOT, 'bench', 'run-case.mjs'), name, `--results=${measured}`]
    if (values.tiny) args.push('--tiny')
    if (values.long) args.push('--long')
    if (values.only !== undefined) args.push(`--only=${values.only}`)
    if (node) args.push(`--amqp=${node.url(name)}`)
    const before = conditionsNow()
    await steps.step(name, () => run(process.execPath, args, { timeoutMs: CASE_SECONDS * 1_000 }))
    const { seconds } = steps.done.at(-1) ?? { seconds: 0 }
    gather(report, measured, name, { before, seconds, isPart: values.only !== undefined })
  }
  await steps.step('report', async () => {
    writeReport(report)
    return 0
  })
} finally {
  await node?.remove()
  rmSync(measured, { recursive: true, force: true })
}
steps.finish()

/**
 * @param {readonly string[]} names
 * @returns {Promise<import('../test/services/rabbitmq-node.ts').RabbitmqNode | undefined>}
 */
async function startRabbitmq(names) {
  const asks = names.filter((name) => sourceOf(name).includes('amqpUrl'))
  if (asks.length === 0 || !hasService('rabbitmq')) return undefined
  /** @type {typeof import('../test/services/rabbitmq-node.ts')} */
  const { RabbitmqNode } = await loadTypeScript(join(ROOT, 'test', 'services', 'rabbitmq-node.ts'))
  return RabbitmqNode.start({ vhosts: asks })
}

/** @param {string} name */
function sourceOf(name) {
  return readFileSync(join(ROOT, 'bench', 'cases', `${name}.ts`), 'utf8')
}
