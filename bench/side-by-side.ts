import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Aim, Figure, Percentiles } from './case.ts'
import type { CpuMeter } from './systems/cpu-meter.ts'

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

/** First and third quartile. */
export function quartiles(values: readonly number[]): [number, number] {
  return [quantile(values, 0.25), quantile(values, 0.75)]
}

/** Of latencies in milliseconds. */
export function percentilesOf(values: readonly number[]): Percentiles {
  return { p50: quantile(values, 0.5), p99: quantile(values, 0.99), p999: quantile(values, 0.999) }
}

/** What is measured beside the rates, and what is meant to be reached. */
export interface Beside {
  /** What our share of a contender is to reach, by its name; what our own rate is to reach, by ours. */
  readonly aims?: Readonly<Record<string, Aim>>
  /** Where contenders put the milliseconds of each call, by their names; emptied when the first round has warmed all up. */
  readonly times?: Readonly<Record<string, number[]>>
  /** What our median latency, as a share of a contender's, is to be at most. Only with `times`. */
  readonly latencyAims?: Readonly<Record<string, Aim>>
  /** Where contenders have their CPU time and memory measured, under the same names. */
  readonly meter?: CpuMeter
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
  { aims = {}, times, latencyAims = {}, meter }: Beside = {},
): Promise<Figure[]> {
  const names = Object.keys(contenders)
  const reached = new Map(names.map((name) => [name, [] as number[]]))
  const middles = new Map(names.map((name) => [name, [] as number[]]))
  // The first round warms up: what is compiled then is compiled for all. One round alone is a trial, and needs none.
  for (let round = rounds > 1 ? -1 : 0; round < rounds; round++) {
    const from = Math.max(0, round) % names.length
    for (const name of [...names.slice(from), ...names.slice(0, from)]) {
      const before = times?.[name]?.length ?? 0
      const value = await (contenders[name] as Contender)()
      if (round < 0) continue
      reached.get(name)?.push(value)
      const taken = times?.[name]?.slice(before)
      if (taken?.length) middles.get(name)?.push(median(taken))
    }
    if (round < 0) {
      for (const taken of Object.values(times ?? {})) taken.length = 0
      meter?.forget()
    }
  }
  const [ours = '', ...others] = names
  const of = (name: string): number[] => reached.get(name) as number[]
  const shareOf = (other: string, name: string, measured: Map<string, number[]>, aim?: Aim): Figure => {
    const theirs = measured.get(other) as number[]
    const shares = (measured.get(ours) as number[]).map((value, i) => value / (theirs[i] as number))
    return {
      what: name,
      value: median(shares),
      unit: 'x',
      spread: quartiles(shares),
      group: what,
      contender: other,
      ...(aim && { aim }),
    }
  }
  return [
    ...names.map((name): Figure => {
      const taken = times?.[name]
      return {
        what: `${what}, ${name}`,
        value: median(of(name)),
        unit: '/s',
        spread: quartiles(of(name)),
        group: what,
        contender: name,
        ...(taken?.length && { percentiles: percentilesOf(taken) }),
        ...meter?.of(name),
        ...(name === ours && aims[name] && { aim: aims[name] }),
      }
    }),
    ...others.map((other) => shareOf(other, `${what}, to ${other}`, reached, aims[other])),
    ...others
      .filter((other) => [ours, other].every((name) => middles.get(name)?.length))
      .map((other) => shareOf(other, `${what}, p50 to ${other}`, middles, latencyAims[other])),
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

/**
 * Has a contender called until its code is compiled, here, in its worker and in its server: what is measured after that is
 * what a service has that runs for long. The first calls of a process cost ten times what they cost from then on.
 */
export async function warmUp(call: () => Promise<unknown>, count = 5_000): Promise<void> {
  await callsPerSecond(count, 64, call)
}

/** A process of bench/peers; resolves with what it says when it is ready. It ends when this process does. */
export function startPeer(name: string, ...args: string[]): Promise<{ child: ChildProcess; said: unknown }> {
  return startPeerWith(process.execPath, name, ...args)
}

/** The same on another Node. */
export async function startPeerWith(
  execPath: string,
  name: string,
  ...args: string[]
): Promise<{ child: ChildProcess; said: unknown }> {
  const child = fork(fileURLToPath(new URL(`peers/${name}.mjs`, import.meta.url)), args, { execPath })
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
