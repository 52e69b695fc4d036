import type { ChildProcess } from 'node:child_process'
import { systemClock, type Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { onAbort } from '../base/on-abort.ts'
import { findCommand } from './command.ts'
import type { ProcessConfig } from './configuration.ts'
import { cannotBecome, childEnvironment, launchWith } from './launch.ts'

/** A command that is run for a process: as its user, in its directory, with its environment. */
export interface CommandRun {
  readonly command: string
  readonly config: ProcessConfig
  readonly group: string
  /** Of the process, or 0: `SUPERVISOR_PROCESS_PID`. */
  readonly pid: number
  /** Of the supervisor. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly serverurl: string | null
  readonly timeoutMs: number
  /** Ends it at once. */
  readonly signal?: AbortSignal | undefined
  readonly clock?: Clock
}

/** How a command has ended. */
export interface CommandEnd {
  readonly ok: boolean
  /** Its last line, or why there is none. */
  readonly said: string
}

/** Of what it writes, so much of the end is kept. */
const MOST_SAID = 4_096
/** Somebody else may still have its output open. */
const LATE_OUTPUT_MS = 1_000

/** Runs it to its end. One that is late, or not wanted any more, is killed with all that it has started. Never throws. */
export async function runCommand(run: CommandRun): Promise<CommandEnd> {
  const { config, group, pid, env, serverurl, timeoutMs, signal, clock = systemClock } = run
  const path = env['PATH'] ?? ''
  const command = findCommand({ ...config, command: run.command }, path)
  if ('reason' in command) return { ok: false, said: command.reason }
  const barred = cannotBecome(config.uid)
  if (barred !== undefined) return { ok: false, said: barred }
  let child: ChildProcess
  try {
    const own = childEnvironment(env, config, group, config.serverurl ?? serverurl)
    const launched = { config, command, path, env: { ...own, SUPERVISOR_PROCESS_PID: String(pid) } }
    child = launchWith(launched, ['ignore', 'pipe', 'pipe'])
  } catch (error) {
    return { ok: false, said: messageOf(error) }
  }
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-MOST_SAID)))
  }
  let killed: string | undefined
  const kill = (why: string): void => {
    killed ??= why
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // It has just ended.
    }
  }
  const timer = clock.after(timeoutMs, () => kill(`it has not ended within ${timeoutMs / 1_000} s`))
  const forget = signal && onAbort(signal, () => kill('nobody waits for it any more'))
  const end = await ended(child, clock)
  timer.cancel()
  forget?.()
  if (killed !== undefined) return { ok: false, said: killed }
  if (typeof end !== 'string') return { ok: end.code === 0, said: lastLine(said) ?? `it ended with ${end.how}` }
  return { ok: false, said: end }
}

function ended(child: ChildProcess, clock: Clock): Promise<{ code: number | null; how: string } | string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(messageOf(error)))
    child.once('exit', (code, signal) => {
      const end = { code, how: signal ?? `exit code ${code}` }
      const late = clock.after(LATE_OUTPUT_MS, () => {
        child.stdout?.destroy()
        child.stderr?.destroy()
        resolve(end)
      })
      child.once('close', () => {
        late.cancel()
        resolve(end)
      })
    })
  })
}

function lastLine(text: string): string | undefined {
  return text
    .split('\n')
    .map((line) => line.trim())
    .findLast((line) => line !== '')
}
