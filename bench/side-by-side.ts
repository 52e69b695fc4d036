import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Figure } from './case.ts'

/** What one contender can do. Returns what it reached, in the unit of the case. */
export type Contender = () => Promise<number>

/** Middle of the values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

/** The value below which `share` of the values lie. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number
}

/**
 * Lets two run in turn, round by round, so that whatever else the machine does hits both alike, and tells the medians
 * and our share of theirs: the figure that counts.
 */
export async function sideBySide(
  what: string,
  rounds: number,
  ours: Contender,
  theirs: Contender,
  peer: string,
): Promise<Figure[]> {
  const reached = { ours: [] as number[], theirs: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    const first = round % 2 === 0
    if (first) reached.ours.push(await ours())
    reached.theirs.push(await theirs())
    if (!first) reached.ours.push(await ours())
  }
  const spread = (values: readonly number[]): string =>
    `${Math.round(Math.min(...values)).toLocaleString('en-US')} to ${Math.round(Math.max(...values)).toLocaleString('en-US')}`
  return [
    { what: `${what}, lovage`, value: median(reached.ours), unit: '/s', note: spread(reached.ours) },
    { what: `${what}, ${peer}`, value: median(reached.theirs), unit: '/s', note: spread(reached.theirs) },
    { what: `${what}, ratio`, value: median(reached.ours) / median(reached.theirs), unit: 'x' },
  ]
}

/** Keeps `window` calls in flight until `count` are done; resolves to calls a second. Takes each one's time if asked. */
export async function callsPerSecond(
  count: number,
  window: number,
  call: () => Promise<unknown>,
  times?: number[],
): Promise<number> {
  let left = count
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const from = times ? performance.now() : 0
      await call()
      times?.push(performance.now() - from)
    }
  }
  const from = performance.now()
  await Promise.all(Array.from({ length: Math.min(window, count) }, lane))
  return (count / (performance.now() - from)) * 1_000
}

/** A process of bench/peers; resolves with what it says when it is ready. It ends when this process does. */
export async function startPeer(name: string, ...args: string[]): Promise<{ child: ChildProcess; said: unknown }> {
  const child = fork(fileURLToPath(new URL(`peers/${name}.mjs`, import.meta.url)), args)
  const said = await new Promise<unknown>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`peer ${name} is not ready after 20 s`)), 20_000)
    child.once('message', (message) => {
      clearTimeout(timer)
      resolve(message)
    })
    child.once('exit', (code) => {
      clearTimeout(timer)
      reject(new Error(`peer ${name} ended with code ${code} before it was ready`))
    })
  })
  return { child, said }
}

/** Ends a peer and waits until it is gone. */
export function stopPeer(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })
}
