import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Figure } from './case.ts'

/** What one contender can do. Returns what it reached a second. */
export type Contender = () => Promise<number>

/** Middle of the values. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The value below which `share` of the values lie, between two of them in proportion. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const below = sorted[Math.floor(at)] as number
  return below + ((sorted[Math.ceil(at)] as number) - below) * (at - Math.floor(at))
}

/**
 * Lets them run in turn, round by round, so that whatever else the machine does hits all alike, and tells the medians, and
 * of the first its share of each other: the median over the rounds of the shares within a round, which is the figure that
 * counts.
 */
export async function sideBySide(
  what: string,
  rounds: number,
  contenders: Readonly<Record<string, Contender>>,
): Promise<Figure[]> {
  const names = Object.keys(contenders)
  const reached = new Map(names.map((name) => [name, [] as number[]]))
  // The first round warms up: what is compiled then is compiled for all. One round alone is a trial, and needs none.
  for (let round = rounds > 1 ? -1 : 0; round < rounds; round++) {
    const from = Math.max(0, round) % names.length
    for (const name of [...names.slice(from), ...names.slice(0, from)]) {
      const value = await (contenders[name] as Contender)()
      if (round >= 0) reached.get(name)?.push(value)
    }
  }
  const [ours = '', ...others] = names
  const of = (name: string): number[] => reached.get(name) as number[]
  const middle = (values: readonly number[], digits: number): string =>
    [0.25, 0.75].map((share) => quantile(values, share).toFixed(digits)).join(' to ')
  return [
    ...names.map((name) => ({
      what: `${what}, ${name}`,
      value: median(of(name)),
      unit: '/s',
      note: middle(of(name), 0),
    })),
    ...others.map((other) => {
      const shares = of(ours).map((value, i) => value / (of(other)[i] as number))
      return { what: `${what}, to ${other}`, value: median(shares), unit: 'x', note: middle(shares, 2) }
    }),
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
    const timer = setTimeout(() => reject(new Error(`peer ${name} is not ready after two minutes`)), 120_000)
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
