import { writeSync } from 'node:fs'
import { isLogged, log } from '../../base/log.ts'

/** A line that a child wrote. */
export interface ChildLine {
  readonly number: number
  readonly id: number
  readonly kind: 'threads' | 'processes'
  readonly stream: 'stdout' | 'stderr'
  readonly line: string
}

/**
 * Shows what a task wrote to its console: in the log, or where nobody reads that, as the output of this process, with the
 * child's name in front.
 */
export function showLine({ number, id, kind, stream, line }: ChildLine): void {
  if (isLogged()) return log(stream === 'stderr' ? 'warn' : 'info', 'child', line, { child: number, id })
  try {
    writeSync(stream === 'stderr' ? 2 : 1, `[${kind === 'threads' ? 'thread' : 'process'} ${number}] ${line}\n`)
  } catch {
    // Nobody reads it there either.
  }
}
