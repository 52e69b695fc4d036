// What `npm test` runs: builds, sees that the services are there, and runs vitest; arguments go to vitest.
import { join } from 'node:path'
import { install, installLine, mayInstall } from './install-services.mjs'
import { hasService, NEEDS, SERVICES } from './services.mjs'
import { binary, REPORT_FOLDER, ROOT, run } from './steps.mjs'

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
if (REPORT_FOLDER) args.push('--reporter=default', `--reporter=${join(ROOT, 'scripts', 'vitest-report.mjs')}`)
let code = await run(process.execPath, [binary('vitest'), ...args])

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
