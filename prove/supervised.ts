// 200 programs that crash, hang, ignore SIGTERM, fork, flood stdout and close it, under one supervisor: no zombie, no wrong
// state, memory flat.
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { unruly } from '../test/chaos/supervised/unruly.ts'

const PROGRAMS = 200
const FLOODS = 12

/** What the collector of garbage leaves for later; a backlog of what is flooded would be gigabytes. */
const MOST_GROWTH = 48 * 1024 ** 2

export async function run({ seconds = 90 }: ProofOptions): Promise<Proof> {
  const found = await unruly({ programs: PROGRAMS, floods: FLOODS, seconds })
  const { early, late } = found.memoryBytes
  const failures = [...found.failures]
  if (late - early > MOST_GROWTH) failures.push(`memory grew by ${late - early} bytes`)
  return { holds: failures.length === 0, figures: { seconds, ...found, memoryGrowth: late / early, failures } }
}
