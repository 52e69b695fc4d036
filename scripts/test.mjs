// What `npm test` runs: builds, sees that the services are there, and runs vitest; arguments go to vitest.
import { mkdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { install, installLine, mayInstall } from './install-services.mjs'
import { hasService, NEEDS, SERVICES } from './services.mjs'
import { binary, report, REPORT_FOLDER, ROOT, run } from './steps.mjs'

console.log('── test: building dist')
if ((await run(process.execPath, [join(ROOT, 'scripts', 'build.mjs')])) !== 0) {
  console.error('The build failed, so nothing was tested.')
  process.exit(1)
}

let missing = NEEDS.filter((need) => !hasService(need))
if (missing.length > 0 && mayInstall()) {
  if (!(await install(missing))) console.error('The installation failed; what needs them is left out.')
  missing = NEEDS.filter((need) => !hasService(need))
}
for (const need of NEEDS) {
  console.log(`   ${SERVICES[need].what}: ${missing.includes(need) ? 'not here' : 'found'}`)
}

console.log('── test: running vitest')
const args = ['run', ...process.argv.slice(2)]
const resultFile = REPORT_FOLDER && join(REPORT_FOLDER, 'vitest-results.json')
if (REPORT_FOLDER) {
  mkdirSync(REPORT_FOLDER, { recursive: true })
  args.push('--reporter=default', '--reporter=json', `--outputFile.json=${resultFile}`)
}
let code = await run(process.execPath, [binary('vitest'), ...args])

if (resultFile) {
  /**
   * @type {{
   *   numPassedTests: number, numFailedTests: number,
   *   testResults: { name: string, message: string, assertionResults: { fullName: string, status: string, failureMessages: string[] }[] }[],
   * }}
   */
  const result = JSON.parse(readFileSync(resultFile, 'utf8'))
  const failures = result.testResults.flatMap(({ name, message, assertionResults }) => {
    const file = relative(ROOT, name)
    const failed = assertionResults.filter(({ status }) => status === 'failed')
    const ofTests = failed.map((test) => `${file}: ${test.fullName}\n${test.failureMessages.join('\n')}`)
    return message && failed.length === 0 ? [`${file}\n${message}`] : ofTests
  })
  // A file that does not load, or an error outside of any test, fails the run without failing a test.
  const failed = Math.max(result.numFailedTests, code === 0 ? 0 : 1)
  report('test', { passed: result.numPassedTests, failed, failures })
}

if (missing.length > 0) {
  console.log('\nLeft out, because this machine lacks it:')
  for (const need of missing) console.log(`  ${SERVICES[need].what}: ${SERVICES[need].why}`)
  console.log(`This line installs it: ${installLine(missing)}`)
  if (process.env['CI'] === 'true') {
    console.error('With CI=true leaving tests out is a failure.')
    code ||= 1
  }
}
process.exitCode = code
