import { isLovageError, LovageError } from '../base/errors.ts'
import { faultOf } from './faults.ts'
import type { ProcessInfo, ProcessResult } from './operations.ts'
import type { RpcClient } from './rpc-client.ts'

/** supervisorctl's exit codes. */
export const CTL_EXIT = { done: 0, failed: 1, arguments: 2, stopped: 3, unknown: 4, notRunning: 7 } as const

/** What a verb works with: the supervisor, where its lines go, and how it ends. */
export interface CtlSession {
  client: RpcClient
  exitCode: number
  /** Somebody sits there and can be asked. */
  readonly isInteractive: boolean
  say(line: string): void
  /** As they come, without an end of line. */
  write(bytes: Buffer): void
  ask(question: string): Promise<string>
  /** Another supervisor, with the same password. */
  open(url: string): void
  /** Aborts with Ctrl-C; made anew for each verb that goes on. */
  interruption(): AbortSignal
  /** Lines that are typed until then. */
  typed(signal: AbortSignal): AsyncIterable<string>
}

export type Verb = (session: CtlSession, args: readonly string[]) => Promise<void>

/** `cat` for the one of a group of its name, else `group:name`. */
export function nameOf({ group, name }: { group: string; name: string }): string {
  return group === name ? name : `${group}:${name}`
}

/** The group, and the process; undefined: all of the group. */
export function splitName(name: string): { group: string; process: string | undefined } {
  const [group = '', process] = name.split(/:(.*)/s)
  if (process === undefined) return { group, process: group }
  return { group, process: process === '' || process === '*' ? undefined : process }
}

const DEAD = [40, 50, 70]

/** Remembers the exit code of a fault, 80 being none. */
export function note(session: CtlSession, code: number, harmless?: number): void {
  const exitCode = exitCodeOf(code, harmless)
  if (exitCode !== CTL_EXIT.done) session.exitCode = exitCode
}

/** The exit code that stands for a fault, 80 being none. */
export function exitCodeOf(code: number, harmless?: number): number {
  if (code === 80 || code === harmless) return CTL_EXIT.done
  return DEAD.includes(code) ? CTL_EXIT.notRunning : CTL_EXIT.failed
}

/** Whether a supervisor is there that speaks this version; says why not. */
export async function isUp(session: CtlSession): Promise<boolean> {
  try {
    const version = await session.client.call<string>('getVersion')
    if (version === '3.0') return true
    session.say(`Sorry, the supervisor has API version ${version}, and this command speaks 3.0`)
    session.exitCode = 5
  } catch (error) {
    const gone = goneOf(error)
    if (gone === undefined) throw error
    session.say(`${session.client.url} ${gone}`)
    session.exitCode = gone === 'no such file' ? CTL_EXIT.notRunning : CTL_EXIT.unknown
  }
  return false
}

/** supervisorctl's words for nobody being there; undefined: it is something else. */
export function goneOf(error: unknown): string | undefined {
  if (!isLovageError(error, 'SUPERVISOR_UNREACHABLE')) return undefined
  const { reason } = error.details as { reason: string }
  return reason === 'ECONNREFUSED' ? 'refused connection' : reason === 'ENOENT' ? 'no such file' : undefined
}

/** Says what `words` has for the number of the fault; any other error goes on. */
export function sayFault(session: CtlSession, error: unknown, words: Readonly<Record<number, string>>): void {
  const code = faultOf(error)?.code
  const text = code === undefined ? undefined : words[code]
  if (text === undefined) throw error
  session.say(text)
  session.exitCode = CTL_EXIT.failed
}

/** One line for each process, in columns. */
export function statusLines(infos: readonly ProcessInfo[]): string[] {
  const width = Math.max(30, ...infos.map((info) => nameOf(info).length)) + 3
  return infos.map((info) => `${nameOf(info).padEnd(width)}${info.statename.padEnd(10)}${info.description}`)
}

/** What a guard of ours has said, which no number tells. */
const REFUSED = /its guard refuses: (.*)$/s

/** What came of one process; throws where the number of it is one that nobody knows. */
export function resultLine(result: ProcessResult, done: string, words: Readonly<Record<number, string>>): string {
  const name = nameOf(result)
  if (result.status === 80) return `${name}: ${done}`
  const refused = REFUSED.exec(result.description)?.[1]
  if (refused !== undefined) return `${name}: ERROR (refused: ${refused}; stop --force does not ask)`
  const word = words[result.status]
  if (word !== undefined) return `${name}: ERROR (${word})`
  throw new LovageError('SUPERVISOR_FAULT', {
    ...{ fault: 'FAILED', number: result.status, text: `${name}: ${result.description}` },
    fix: 'See the log of the supervisor',
  })
}
