import { log } from '../base/log.ts'
import { complaintLines, complaintOf, type Complaint } from './complaint.ts'
import type { ServiceOptions } from './command-options.ts'
import { EXIT, leave } from './exit.ts'
import { writeLog } from './log-lines.ts'
import { paintFor } from './paint.ts'
import { stopOnSignals } from './signals.ts'

/** What runs until a signal comes. */
export interface Runnable {
  start(): Promise<void>
  /** Tells what runs, once it does. */
  announce(): void
  stop(): Promise<void>
  /** Lets go soon of what `stop` waits for. */
  soft?: (() => Promise<void>) | undefined
  /** Lets go at once of what `stop` waits for. */
  cold?(): Promise<void>
  /** Resolves when it was told from elsewhere to end: it is stopped then. */
  readonly ended?: Promise<void>
  /** Takes new code: SIGHUP, where no terminal has gone away. */
  reload?(): Promise<void>
}

/** Makes it, runs it until SIGINT or SIGTERM, and sets the exit code. Its log goes to stderr meanwhile. */
export async function runService(
  options: ServiceOptions & { joined?: boolean },
  make: () => Promise<Runnable>,
): Promise<void> {
  endOnUncaught(options)
  const endLog = await writeLog(options)
  try {
    const runnable = await make()
    const { soft } = runnable
    const [warm, cold] = [() => runnable.stop(), () => runnable.cold?.()]
    const signalled = stopOnSignals({ warm, soft, cold, say: sayer(options) })
    const told = runnable.ended?.then(warm).then(() => EXIT.done)
    const stopped = told ? Promise.race([signalled, told]) : signalled
    const isAttended = process.stdin.isTTY
    // With its terminal gone a service has nobody: it ends as any other program does.
    if (runnable.reload && !isAttended) process.on('SIGHUP', () => void runnable.reload?.())
    // A signal during a slow start stops it as well; that start then has nothing to announce.
    const started = runnable.start().then(() => true)
    const code = await Promise.race([stopped, started])
    if (code === true) runnable.announce()
    process.exitCode = await stopped
  } finally {
    endLog()
  }
}

/** How a service tells of itself between the lines of its log: as one of them where programs read it. */
export function sayer({ logFormat }: Pick<ServiceOptions, 'logFormat'>): (line: string) => void {
  const paint = paintFor(process.stderr)
  return (line) => {
    if (logFormat === 'json') log('info', 'cli', line)
    else process.stderr.write(`${paint('dim', `· ${line}`)}\n`)
  }
}

/** As {@link sayer}, for what went wrong. */
export function complainer({
  logFormat,
  debug,
}: Pick<ServiceOptions, 'logFormat' | 'debug'>): (complaint: Complaint) => void {
  const paint = paintFor(process.stderr)
  return (complaint) => {
    const { what, where, next, code } = complaint
    if (logFormat === 'json') log('error', 'cli', what, { where, next, code })
    else process.stderr.write(`${complaintLines(complaint, paint, { debug }).join('\n')}\n`)
  }
}

/** An error that user code let fall ends the process, as Node would have it, but told like every other. */
function endOnUncaught(options: ServiceOptions): void {
  process.on('uncaughtException', (error) => {
    complainer(options)(complaintOf(error))
    sayer(options)('the process ends: nobody caught this error')
    void leave(EXIT.failed)
  })
}
