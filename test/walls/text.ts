import type { SourceFile, Violation } from './source.ts'

/** Longest file of code, in lines. */
export const MOST_LINES = 300

/** Files that are longer, each with its reason. Debt is this list, not a raised limit. */
export const LONGER: Readonly<Record<string, string>> = {}

/** Wall 6: no file of code is longer than fits in one head. */
export function length(files: readonly SourceFile[], longer: Readonly<Record<string, string>> = LONGER): Violation[] {
  return files
    .filter(({ path }) => /\.(m?tsx?|m?js|css|py|sh)$/.test(path) && !path.includes('/fixtures/'))
    .flatMap(({ path, text }) => {
      const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
      if (lines > MOST_LINES && !(path in longer))
        return [{ path, problem: `has ${lines} lines, more than ${MOST_LINES}` }]
      if (lines <= MOST_LINES && path in longer)
        return [{ path, problem: 'is on the list of longer files, and is not longer' }]
      return []
    })
}

/**
 * What belongs to a machine or to the making, not to the project. Written in pieces, so that this file does not break
 * its own rule.
 */
const FOREIGN: readonly RegExp[] = [
  ['/wo', 'rk/'],
  ['/fa', 'rm/'],
  ['/ro', 'ot/'],
  ['\\.\\./sha', 'red'],
  ['\\.lib', 'rary'],
  ['sub-', 'session'],
  ['cla', 'ude'],
  ['AI ass', 'istant'],
].map((pieces) => new RegExp(pieces.join(''), 'i'))

/** The project's text names no machine and does not tell how it was made. */
export function foreign(files: readonly SourceFile[]): Violation[] {
  return files
    .filter(({ path }) => path !== 'package-lock.json')
    .flatMap(({ path, text }) =>
      text.split('\n').flatMap((line, index) =>
        FOREIGN.filter((pattern) => pattern.test(line)).map((pattern) => ({
          path,
          problem: `line ${index + 1} has ${String(pattern)}`,
        })),
      ),
    )
}
