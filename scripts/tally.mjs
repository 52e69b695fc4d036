// Sums up what the steps of a run left in the report folder. Prints what failed, which may stand far above in a long
// run's output, and `N passed, N failed` as its last line.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPORT_FOLDER } from './steps.mjs'

/** How much is shown of each failure. */
const LINES = 12

const sum = { passed: 0, failed: 0 }
for (const [name, seconds, code] of process.argv.slice(2).map((argument) => argument.split(':'))) {
  const file = join(REPORT_FOLDER ?? '', `${name}.json`)
  /** @type {import('./steps.mjs').Counts} */
  const counts = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { passed: code === '0' ? 1 : 0, failed: 0 }
  // A step that failed without counting a failure has failed all the same.
  const failed = Math.max(counts.failed, code === '0' ? 0 : 1)
  const failures = counts.failures ?? []
  if (failed > failures.length) failures.push(`ended with code ${code}; what it printed above says why`)
  for (const failure of failures) {
    const lines = failure.split('\n').filter((line) => !/^\s+at .*node_modules/.test(line))
    console.log(`✗ ${name}: ${lines.slice(0, LINES).join('\n    ')}`)
  }
  console.log(`${name}: ${counts.passed} passed, ${failed} failed, ${seconds} s`)
  sum.passed += counts.passed
  sum.failed += failed
}
console.log(`${sum.passed} passed, ${sum.failed} failed`)
