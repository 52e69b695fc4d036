import { setTimeout as pause } from 'node:timers/promises'
import { hasService } from '../../scripts/services.mjs'
import type { BenchCase, Figure, Row } from '../case.ts'
import { cpuOf } from '../cpu.ts'
import { median, quantile } from '../side-by-side.ts'
import { SupervisorSystem, type SupervisorKind } from '../systems/supervisors.ts'

const KINDS: readonly SupervisorKind[] = ['lovage', 'supervisord']

/** Values of one measurement by contender and round: in a round, all that was taken then. */
type Rounds = Readonly<Record<SupervisorKind, number[][]>>

/** Our supervisor beside Debian's supervisord, with the same programs at the same time, asked in turn. */
const supervisor: BenchCase = async ({ tiny, part }) => {
  if (!hasService('supervisor')) return [{ what: 'supervisor', leftOut: 'no supervisord on this machine' }]
  const rows: Row[] = []
  for (const programs of tiny ? [20] : [20, 200]) {
    const what = `${programs} programs`
    rows.push(...(await part(what, () => withPrograms(what, programs, tiny))))
  }
  return rows
}
export default supervisor

async function withPrograms(what: string, programs: number, tiny: boolean): Promise<Figure[]> {
  const rounds = tiny ? 1 : 5
  const calls = tiny ? 20 : 100
  const systems = {} as Record<SupervisorKind, SupervisorSystem>
  try {
    for (const kind of KINDS) systems[kind] = await SupervisorSystem.start(kind, programs)
    const figures: Figure[] = []
    const add = (name: string, unit: string, taken: Rounds, share = 0.5): void => {
      figures.push(...figuresOf(`${what}: ${name}`, unit, taken, share))
    }
    const measure = async (count: number, one: (system: SupervisorSystem) => Promise<number>): Promise<Rounds> => {
      const taken: Rounds = { lovage: [], supervisord: [] }
      // The first round warms up. One round alone is a trial, and needs none.
      for (let round = rounds > 1 ? -1 : 0; round < rounds; round++) {
        for (const kind of round % 2 === 0 ? KINDS : KINDS.toReversed()) {
          const values: number[] = []
          for (let i = 0; i < count; i++) values.push(await one(systems[kind]))
          if (round >= 0) taken[kind].push(values)
        }
      }
      return taken
    }
    const idleMs = tiny ? 300 : 1_000
    const idle = await measure(1, async ({ pid }) => {
      const from = cpuOf([pid])
      await pause(idleMs)
      return (cpuOf([pid]) - from) / (idleMs / 1_000)
    })
    for (const method of ['getState', 'getAllProcessInfo']) {
      const taken = await measure(calls, (system) => system.timeOf(method))
      add(`${method}, p50`, 'ms', taken)
      add(`${method}, p99`, 'ms', taken, 0.99)
    }
    let victim = 0
    const next = (): string => `p${String(victim++ % programs).padStart(3, '0')}`
    add('again after SIGKILL', 'ms', await measure(tiny ? 1 : 3, (system) => system.respawnOf(next())))
    const stopped: Rounds = { lovage: [], supervisord: [] }
    const started: Rounds = { lovage: [], supervisord: [] }
    for (let round = 0; round < (tiny ? 1 : 5); round++) {
      for (const kind of round % 2 === 0 ? KINDS : KINDS.toReversed()) {
        stopped[kind].push([await systems[kind].timeOf('stopAllProcesses')])
        started[kind].push([await systems[kind].timeOf('startAllProcesses')])
      }
    }
    add('stopAllProcesses', 'ms', stopped)
    add('startAllProcesses', 'ms', started)
    add('CPU when idle', 'µs/s', idle)
    for (const part of ['rss', 'own'] as const) {
      const taken = await measure(1, async (system) => system.memory()[part])
      add(part === 'rss' ? 'memory' : 'memory of its own alone', 'MiB', taken)
    }
    return figures
  } finally {
    await Promise.all(KINDS.map((kind) => systems[kind]?.close()))
  }
}

/** The share of supervisord's first: the median over the rounds, each against the other of its round. */
function figuresOf(what: string, unit: string, taken: Rounds, share: number): Figure[] {
  const of = (kind: SupervisorKind): number[] => taken[kind].map((values) => quantile(values, share))
  const [ours, theirs] = [of('lovage'), of('supervisord')]
  const shares = ours.map((value, i) => value / (theirs[i] as number)).filter(Number.isFinite)
  const quartiles = [0.25, 0.75].map((each) => quantile(shares, each).toFixed(2)).join(' to ')
  const values = KINDS.map((kind, i) => {
    return { what: `${what}, ${kind}`, value: median([ours, theirs][i] as number[]), unit }
  })
  // Where nothing was taken, as of an idle moment's CPU, there is no share.
  if (shares.length === 0) return values
  return [{ what: `${what}, to supervisord`, value: median(shares), unit: 'x', note: quartiles }, ...values]
}
