// Leaves what a run of vitest came to for the summary: what passed, and of all that failed what and why. Beside tests
// that is a hook, a file that does not load, and an error outside of any test; vitest's own JSON tells of tests alone.
import { report } from './steps.mjs'

/**
 * @param {readonly { message: string, stack?: string }[]} errors
 */
const reasons = (errors) => errors.map((error) => error.stack || error.message).join('\n')

/** A reporter for vitest. */
export default class SummaryReport {
  /**
   * @param {readonly import('vitest/node').TestModule[]} modules
   * @param {readonly import('vitest/node').SerializedError[]} unhandled
   * @param {import('vitest/node').TestRunEndReason} reason
   */
  onTestRunEnd(modules, unhandled, reason) {
    let passed = 0
    /** @type {string[]} */
    const failures = []
    for (const module of modules) {
      const file = module.relativeModuleId
      for (const test of module.children.allTests()) {
        const result = test.result()
        if (result.state === 'passed') passed++
        else if (result.state === 'failed') failures.push(`${file}: ${test.fullName}\n${reasons(result.errors)}`)
        else if (result.state === 'pending') failures.push(`${file}: ${test.fullName}\ndid not end`)
      }
      for (const suite of [module, ...module.children.allSuites()]) {
        const errors = suite.errors()
        if (errors.length === 0) continue
        const name = suite.type === 'suite' ? `${file}: ${suite.fullName}` : file
        failures.push(`${name}: outside of its tests (loading, or a hook)\n${reasons(errors)}`)
      }
    }
    if (unhandled.length > 0) failures.push(`an error outside of any test\n${reasons(unhandled)}`)
    if (reason === 'interrupted') failures.push('the run was interrupted')
    report('test', { passed, failed: failures.length, failures })
  }
}
