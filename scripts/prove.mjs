// What `npm run prove` runs: one proof of the folder prove/, at full size, its figures written to proof/<name>.json.
// Without a name it lists them.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, parse } from 'node:path'
import { parseArgs } from 'node:util'
import { loadTypeScript } from './load-ts.mjs'
import { capture, ROOT } from './steps.mjs'

/**
 * @typedef {object} ProofOptions
 * @property {number} [rounds] How often; each proof has a default of its own.
 * @property {number} [seconds] How long; each proof has a default of its own.
 * @property {number} [readers] How many read at a time; of the proof of streams.
 * @property {number} [events] How many are pushed; of the proof of the dashboard.
 * @property {number} seed What chance is drawn from.
 */

/**
 * @typedef {object} Proof
 * @property {boolean} holds Whether what was to be proved holds.
 * @property {Record<string, unknown>} figures What was measured, fit for JSON.
 */

const folder = join(ROOT, 'prove')
const files = new Map(
  readdirSync(folder)
    .filter((file) => /\.(ts|mjs)$/.test(file))
    .map((file) => [parse(file).name, join(folder, file)]),
)

const { values, positionals } = parseArgs({
  options: {
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    readers: { type: 'string' },
    events: { type: 'string' },
    seed: { type: 'string' },
  },
  allowPositionals: true,
})
const [name] = positionals
if (name === undefined) {
  console.log(
    'npm run prove -- <name> [--rounds <n>] [--seconds <n>] [--readers <n>] [--events <n>] [--seed <n>]\n\nProofs:',
  )
  for (const [proof, file] of files) console.log(`  ${proof.padEnd(16)} ${firstComment(file)}`)
  process.exit(0)
}
const file = files.get(name)
if (!file) {
  console.error(`There is no proof ${name}. There are: ${[...files.keys()].join(', ')}`)
  process.exit(1)
}

/** @type {ProofOptions} */
const options = {
  ...(values.rounds === undefined ? {} : { rounds: whole('rounds', values.rounds) }),
  ...(values.seconds === undefined ? {} : { seconds: whole('seconds', values.seconds) }),
  ...(values.readers === undefined ? {} : { readers: whole('readers', values.readers) }),
  ...(values.events === undefined ? {} : { events: whole('events', values.events) }),
  seed: values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : whole('seed', values.seed),
}
const command =
  ['npm run prove --', ...process.argv.slice(2)].join(' ') + (values.seed ? '' : ` --seed ${options.seed}`)
console.log(`proof ${name}, seed ${options.seed}`)

/** @type {{ run: (options: ProofOptions) => Promise<Proof> }} */
const { run } = file.endsWith('.ts') ? await loadTypeScript(file) : await import(file)
const from = performance.now()
const { holds, figures } = await run(options)
const seconds = Math.round((performance.now() - from) / 1_000)

const record = { name, holds, commit: await commit(), command, seed: options.seed, date: new Date().toISOString() }
mkdirSync(join(ROOT, 'proof'), { recursive: true })
writeFileSync(
  join(ROOT, 'proof', `${name}.json`),
  `${JSON.stringify({ ...record, node: process.version, seconds, figures }, null, 2)}\n`,
)
console.log(JSON.stringify(figures, null, 2))
console.log(`${holds ? 'holds' : 'DOES NOT HOLD'}; written to proof/${name}.json`)
process.exitCode = holds ? 0 : 1

/** The commit that was proved, marked where files differ from it. */
async function commit() {
  const git = (/** @type {string[]} */ ...args) => capture('git', ['-c', 'safe.directory=*', ...args])
  const head = (await git('rev-parse', 'HEAD')).output.trim()
  const changed = (await git('status', '--porcelain', '--', ':!proof')).output.trim()
  return changed === '' ? head : `${head} with changes`
}

/**
 * @param {string} option
 * @param {string} text
 */
function whole(option, text) {
  if (!/^\d+$/.test(text)) {
    console.error(`--${option} takes a whole number, not ${text}`)
    process.exit(1)
  }
  return Number(text)
}

/** @param {string} path */
function firstComment(path) {
  return /^\/\/ (.*)$/m.exec(readFileSync(path, 'utf8'))?.[1] ?? ''
}
