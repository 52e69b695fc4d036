// The whole test suite passes on Node 22, 24 and 26.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { capture, ROOT, run as runCommand } from '../scripts/steps.mjs'

const MAJORS = ['22', '24', '26']

/**
 * Installs each Node by the npm package `node` (about 190 MB each, removed afterwards) and runs the tests on it.
 * @returns {Promise<import('../scripts/prove.mjs').Proof>}
 */
export async function run() {
  /** @type {Record<string, { version: string, passed: number, failed: number, seconds: number, holds: boolean }>} */
  const figures = {}
  for (const major of MAJORS) {
    const folder = mkdtempSync(join(tmpdir(), `lovage-node-${major}-`))
    try {
      figures[major] = await onNode(major, folder)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  return { holds: Object.values(figures).every(({ holds }) => holds), figures }
}

/**
 * @param {string} major
 * @param {string} folder
 */
async function onNode(major, folder) {
  console.log(`\n── installing Node ${major}`)
  const install = ['install', '--prefix', folder, '--no-audit', '--no-fund', '--prefer-offline', `node@${major}`]
  const installed = await runCommand('npm', install)
  if (installed !== 0) throw new Error(`npm install node@${major} ended with code ${installed}`)

  const bin = join(folder, 'node_modules', 'node', 'bin')
  const env = { PATH: `${bin}${delimiter}${process.env['PATH']}`, LOVAGE_REPORT_FOLDER: join(folder, 'report') }
  const version = (await capture('node', ['--version'], { env })).output.trim()
  if (!version.startsWith(`v${major}.`)) throw new Error(`node@${major} brought ${version}`)

  console.log(`── testing on Node ${version}`)
  const from = performance.now()
  const code = await runCommand('node', [join(ROOT, 'scripts', 'test.mjs')], { env })
  /** @type {{ passed: number, failed: number }} */
  const { passed, failed } = JSON.parse(readFileSync(join(folder, 'report', 'test.json'), 'utf8'))
  const seconds = Math.round((performance.now() - from) / 1_000)
  return { version, passed, failed, seconds, holds: code === 0 && failed === 0 && passed > 0 }
}
