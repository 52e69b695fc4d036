import type { Failure } from '../protocol/failure.ts'
import { payloadText, payloadValue, type Outcome } from '../protocol/outcome.ts'
import { EXIT } from './exit.ts'
import { harmless, paintFor } from './paint.ts'

/** Prints a final outcome: the result on stdout, a failure on stderr. Returns the exit code. */
export function printOutcome(outcome: Outcome, task?: string): number {
  if (outcome.state === 'SUCCESS') {
    process.stdout.write(`${payloadText(outcome.result, { types: 'plain' })}\n`)
    return EXIT.done
  }
  const paint = paintFor(process.stderr)
  const { exc_type: type, exc_message: message, exc_module: module } = payloadValue(outcome.result) as Failure
  const said = message.map((part) => (typeof part === 'string' ? part : JSON.stringify(part))).join(', ')
  const lines = [
    `${paint('red', '✗')} ${paint('bold', `${task ?? 'task'}[${outcome.id}] ${outcome.state}: ${harmless(`${type}: ${said}`)}`)}`,
  ]
  if (module && module !== 'builtins') lines.push(`  ${paint('dim', 'from:')} ${harmless(module)}`)
  if (outcome.traceback)
    lines.push(
      ...outcome.traceback
        .trimEnd()
        .split('\n')
        .map((line) => paint('dim', `  ${harmless(line)}`)),
    )
  process.stderr.write(`${lines.join('\n')}\n`)
  return EXIT.taskFailed
}
