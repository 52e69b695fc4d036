import { LovageError } from '../base/errors.ts'
import { shown } from './check.ts'

/**
 * What the types rule out can still come from JavaScript, and Python would choke on it far away from here.
 * @throws LovageError `OPTION_INVALID`
 */
export function checkCall(name: unknown, args: unknown, kwargs: unknown): void {
  const invalid = (option: string, value: unknown, what: string, fix: string): LovageError =>
    new LovageError('OPTION_INVALID', {
      option,
      where: `a call of ${shown(name)}`,
      problem: `must be ${what}, and is ${shown(value)}`,
      fix,
    })
  if (typeof name !== 'string' || name === '') throw invalid('name', name, 'a text that is not empty', 'Name the task')
  if (!Array.isArray(args)) throw invalid('args', args, 'a list', 'Write the arguments as a list: [2, 3]')
  if (typeof kwargs !== 'object' || kwargs === null || Array.isArray(kwargs)) {
    throw invalid('kwargs', kwargs, 'an object', 'Write the arguments by name: { x: 2, y: 3 }')
  }
}
