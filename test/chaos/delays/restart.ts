import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sleep, systemClock } from '../../../src/base/clock.ts'
import { type Child, startChild } from '../../services/child.ts'
import { removeFolder, temporaryFolder } from '../../services/reaper.ts'

const ROOT = join(import.meta.dirname, '../../..')

const QUEUE = 'delays'

/** Longest time for a process to start or to stop, and for the sender to send all. */
const PATIENCE_MS = 240_000

/** Where tasks wait, and what is killed with the processes that use it. */
export interface Place {
  readonly broker: string
  readonly backend: string
  /** Undefined where one of the processes is the server. */
  readonly server?: { kill(): Promise<unknown>; start(): Promise<unknown> }
}

/** How it is played. */
export interface RestartOptions {
  /** Sent before everything is killed; a tenth more is sent after it. */
  readonly tasks: number
  readonly workers: number
  /** The first is due so long after the sender began. */
  readonly waitMs: number
  /** The last is due so long after the first. */
  readonly spreadMs: number
  /** How long to wait for tasks after the last was due. */
  readonly patienceMs: number
}

/** What became of the tasks. */
export interface Restarted {
  readonly sent: number
  /** Those of the broker, in nobody's hands, when everything was killed. */
  readonly waitingWhenKilled: number
  readonly ran: number
  readonly ranTwice: number
  readonly early: number
  /** Left with the broker in the end. */
  readonly left: number
  readonly sentPerSecond: number
  /** From the kill until all processes were there again. */
  readonly awayMs: number
  /** From when all were there again until the first was due; negative: some were due while nobody was there. */
  readonly spareMs: number
  /** Ms after its time that a task began. */
  readonly late: { readonly p50: number; readonly p99: number; readonly max: number }
}

interface Sent {
  readonly ms: number
  readonly dueMs: number
}

interface Depth {
  readonly waiting: number
  readonly queued: number
  readonly dead: number
}

/**
 * Has tasks for later sent, kills the server, the sender and all workers at once, starts all again, and waits for what
 * becomes of them.
 */
export async function restartAll(place: Place, options: RestartOptions): Promise<Restarted> {
  const { tasks, workers, waitMs, spreadMs, patienceMs } = options
  const folder = temporaryFolder('delays')
  const record = join(folder, 'record')
  const living = new Set<Child>()
  const env = { LOVAGE_BROKER_URL: place.broker, LOVAGE_RESULT_BACKEND: place.backend, QUEUE, RECORD: record }
  const start = (role: string, more: Record<string, string> = {}): Child => {
    const args = ['scripts/run-ts.mjs', 'test/chaos/delays/peer-process.ts']
    const child = startChild(process.execPath, args, { cwd: ROOT, env: { ...env, ...more, ROLE: role }, name: role })
    living.add(child)
    return child
  }
  const startAll = async (): Promise<Child> => {
    const sender = start('sender')
    const all = [sender, ...Array.from({ length: workers }, () => start('worker'))]
    await Promise.all(all.map((one) => one.line('ready', { timeoutMs: PATIENCE_MS })))
    return sender
  }
  const saidBy = async <T>(child: Child, begin: string): Promise<T> => {
    const line = await child.line(begin, { timeoutMs: PATIENCE_MS })
    return JSON.parse(line.slice(begin.length)) as T
  }
  const send = async (sender: Child, told: { tasks: number; first: number; waitMs: number }): Promise<Sent & Depth> => {
    sender.write(`${JSON.stringify({ ...told, spreadMs })}\n`)
    return { ...(await saidBy<Sent>(sender, 'sent ')), ...(await saidBy<Depth>(sender, 'there are ')) }
  }
  try {
    const { ms, dueMs, waiting } = await send(await startAll(), { tasks, first: 0, waitMs })
    const killedMs = systemClock.now()
    await Promise.all([place.server?.kill(), ...[...living].map((one) => one.kill())])
    living.clear()
    const more = Math.ceil(tasks / 10)
    const [sender] = await Promise.all([startAll(), place.server?.start()])
    const backMs = systemClock.now()
    const second = await send(sender, { tasks: more, first: tasks, waitMs: waitMs / 2 })
    const giveUpAtMs = Math.max(dueMs, second.dueMs) + spreadMs + patienceMs
    while (new Set(runsIn(record).map(([task]) => task)).size < tasks + more && systemClock.now() < giveUpAtMs) {
      await sleep(systemClock, 50)
    }
    // Who stops in order ends what he has in hand: what runs twice has run twice then, or is left with the broker.
    await Promise.all([...living].map((one) => one.stop({ graceMs: PATIENCE_MS })))
    living.clear()
    const left = await saidBy<Depth>(start('look'), 'there are ')
    return {
      sent: tasks + more,
      waitingWhenKilled: waiting,
      ...tally(runsIn(record)),
      left: left.waiting + left.queued + left.dead,
      sentPerSecond: Math.round(tasks / (ms / 1000)),
      awayMs: backMs - killedMs,
      spareMs: dueMs - backMs,
    }
  } finally {
    await Promise.all([...living].map((one) => one.kill()))
    removeFolder(folder)
  }
}

type Run = readonly [task: number, dueMs: number, atMs: number]

function runsIn(record: string): Run[] {
  const lines = readFileSync(record, 'utf8').split('\n').filter(Boolean)
  return lines.map((line) => line.split(' ').map(Number) as unknown as Run)
}

function tally(runs: readonly Run[]): Pick<Restarted, 'ran' | 'ranTwice' | 'early' | 'late'> {
  const tasks = new Set(runs.map(([task]) => task))
  const late = runs.map(([, dueMs, atMs]) => atMs - dueMs).toSorted((a, b) => a - b)
  const at = (share: number): number => late[Math.floor((late.length - 1) * share)] ?? Number.NaN
  return {
    ran: tasks.size,
    ranTwice: runs.length - tasks.size,
    early: late.filter((ms) => ms < 0).length,
    late: { p50: at(0.5), p99: at(0.99), max: at(1) },
  }
}
