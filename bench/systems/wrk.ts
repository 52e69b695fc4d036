import { fileURLToPath } from 'node:url'
import { findCommand } from '../../scripts/services.mjs'
import { startChild } from '../../test/services/child.ts'

const SCRIPT = fileURLToPath(new URL('../peers/wrk.lua', import.meta.url))

/** What wrk saw. */
export interface WrkRun {
  /** Good answers a second. */
  readonly rate: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  /** Answers that were not 2xx, that took over a minute, and connections that broke. */
  readonly failed: number
}

/** A load: how many connections, for how many seconds. */
export interface WrkLoad {
  readonly connections: number
  readonly seconds: number
}

/** Whether this machine has wrk. */
export function hasWrk(): boolean {
  return findCommand('wrk') !== undefined
}

/** Asks for `url` with wrk's four threads. */
export async function runWrk(url: string, { connections, seconds }: WrkLoad): Promise<WrkRun> {
  const args = ['-t4', `-c${Math.max(4, connections)}`, `-d${seconds}s`, '--timeout', '60s', '-s', SCRIPT, url]
  const child = startChild(findCommand('wrk') ?? 'wrk', args, { name: 'wrk' })
  try {
    const { code } = await child.ended({ timeoutMs: (seconds + 90) * 1_000 })
    const line = child.lines.find((told) => told.startsWith('{'))
    if (code !== 0 || !line) throw new Error(`wrk ended with ${code}: ${child.lines.join('\n')}`)
    const told = JSON.parse(line) as Record<'good' | 'bad' | 'late' | 'broken' | 'us' | 'p50' | 'p99' | 'p999', number>
    const failed = told.bad + told.late + told.broken
    const [p50Ms, p99Ms, p999Ms] = [told.p50 / 1_000, told.p99 / 1_000, told.p999 / 1_000]
    return { rate: (told.good / told.us) * 1e6, p50Ms, p99Ms, p999Ms, failed }
  } finally {
    await child.kill()
  }
}

/** The same of something of ours, where nothing may fail. */
export async function runWrkWell(url: string, load: WrkLoad): Promise<WrkRun> {
  const run = await runWrk(url, load)
  if (run.failed > 0) throw new Error(`${url}: ${run.failed} answers are not 2xx, late or broken`)
  return run
}
