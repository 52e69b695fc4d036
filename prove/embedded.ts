// The processes of an embedded broker are killed at 200 instants, stopped for 10 s, and its disk is filled: nothing is lost.
import { join } from 'node:path'
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { ROOT, run as runProgram } from '../scripts/steps.mjs'
import { messageOf } from '../src/base/errors.ts'
import { fillDisk } from '../test/chaos/embedded/full-disk.ts'
import { type Blow, Deployment, type Verdict } from '../test/chaos/embedded/kills.ts'

/** Each deployment lives through these, one after the other; the order is drawn from the seed by where it begins. */
const BLOWS: readonly Blow[] = [
  ...([
    'owner',
    'owner',
    'all',
    'owner',
    'owner and heir',
    'owner',
    'all',
    'owner',
    'owner',
    'owner and heir',
  ] as const),
]
const STOPPED_MS = 10_000

/** `rounds` are instants at which the owner, its heir, or all processes are killed. */
export async function run({ rounds = 200, seed }: ProofOptions): Promise<Proof> {
  const verdicts: Verdict[] = []
  const failures: string[] = []
  await runProgram(process.execPath, [join(ROOT, 'scripts', 'build.mjs')])
  for (let done = 0, life = 0; done < rounds; life++) {
    const blows = Array.from(
      { length: Math.min(BLOWS.length, rounds - done) },
      (_, n) => BLOWS[(n + life) % BLOWS.length],
    )
    done += blows.length
    try {
      verdicts.push(await live(seed + life, blows as Blow[], life % 4 === 0))
    } catch (error) {
      failures.push(`seed ${seed + life}: ${messageOf(error)}`)
    }
    console.log(`${done} instants`, JSON.stringify(verdicts.at(-1)))
  }
  const disk = await fillDisk().catch((error: unknown) => {
    failures.push(`disk full: ${messageOf(error)}`)
  })
  failures.push(...verdicts.flatMap(({ lost, corrupt }) => [...lost, ...corrupt]))
  return { holds: failures.length === 0, figures: { ...figuresOf(verdicts), instants: rounds, disk, failures } }
}

async function live(seed: number, blows: readonly Blow[], isStopped: boolean): Promise<Verdict> {
  const deployment = new Deployment(seed, { built: true })
  try {
    await deployment.start()
    for (const blow of blows) await deployment.strike(blow)
    if (isStopped) await deployment.strike('stopped owner', STOPPED_MS)
    return await deployment.end()
  } finally {
    await deployment.clear()
  }
}

function figuresOf(verdicts: readonly Verdict[]): object {
  const sum = (of: (verdict: Verdict) => number): number => verdicts.reduce((total, verdict) => total + of(verdict), 0)
  const times = verdicts.flatMap(({ takeOverMs }) => takeOverMs).toSorted((a, b) => a - b)
  return {
    confirmed: sum(({ confirmed }) => confirmed),
    withOutcome: sum(({ confirmed, lost }) => confirmed - lost.length),
    notConfirmed: sum(({ unconfirmed }) => unconfirmed),
    corrupt: sum(({ corrupt }) => corrupt.length),
    startedAgain: sum(({ startedAgain }) => startedAgain),
    takeOvers: times.length,
    takeOverMs: { p50: times[times.length >> 1], p95: times[Math.floor(times.length * 0.95)], max: times.at(-1) },
    takeOversWithin1s: times.filter((ms) => ms <= 1_000).length,
  }
}
