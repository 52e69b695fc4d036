import { LovageError, messageOf } from '../../base/errors.ts'
import { onLog } from '../../base/log.ts'
import type { Strike } from './faults.ts'
import { runSchedule } from './schedule.ts'
import type { SimulateOptions } from './simulate.ts'
import { openStage } from './stage.ts'
import type { MadeApp } from './peer.ts'
import type { World } from './world.ts'

/** Most runs that are spent on the search for the fewest strikes. */
const MOST_RUNS = 300

/** What was found out about a schedule that failed. */
interface Finding {
  readonly problem: string
  readonly strikes: readonly Strike[]
  readonly lines: readonly string[]
}

/** The trace of one schedule, as lines of text: milliseconds, who, what. */
export async function traceOf<Made extends MadeApp>(options: SimulateOptions<Made>, seed: number): Promise<string[]> {
  const close = typeof options.app === 'function' ? () => {} : openStage()
  try {
    return [...(await traced(options, seed, options.strikes)).lines]
  } finally {
    close()
  }
}

/** Finds the fewest strikes with which a schedule fails as it did, and makes the error that tells of it. */
export async function report<Made extends MadeApp>(
  options: SimulateOptions<Made>,
  seed: number,
  problem: string,
): Promise<LovageError> {
  const first = await traced(options, seed, options.strikes)
  const kind = kindOf(problem)
  if (kindOf(first.problem) !== kind) {
    const note = '(It did not fail again: something in it does not come from the clock of its process.)'
    const trace = new Story([...first.lines, note])
    const strikes = numbersOf(first.strikes)
    return new LovageError('SIMULATION_FAILED', { seed, problem, strikes, misfortune: new Story([]), trace })
  }
  const numbers = await fewest(options, seed, kind, numbersOf(first.strikes))
  const found = await traced(options, seed, numbers)
  return new LovageError('SIMULATION_FAILED', {
    seed,
    problem: found.problem,
    strikes: numbers,
    misfortune: new Story(misfortune(found.strikes)),
    trace: new Story(found.lines),
  })
}

/** Leaves out strikes, many at a time, then fewer, as long as it still fails. */
async function fewest<Made extends MadeApp>(
  options: SimulateOptions<Made>,
  seed: number,
  kind: string,
  all: readonly number[],
): Promise<readonly number[]> {
  let runs = 0
  const fails = async (strikes: readonly number[]): Promise<boolean> => {
    if (++runs > MOST_RUNS) return false
    const { ledger } = await runSchedule(options, { seed, strikes })
    return kindOf(ledger.problem ?? '') === kind
  }
  if (all.length === 0 || (await fails([]))) return []
  let kept = all
  for (let size = Math.ceil(kept.length / 2); ; size = Math.min(Math.ceil(size / 2), kept.length)) {
    let hasChanged = false
    for (let from = 0; from < kept.length;) {
      const without = [...kept.slice(0, from), ...kept.slice(from + size)]
      if (await fails(without)) {
        kept = without
        hasChanged = true
      } else {
        from += size
      }
    }
    if (size <= 1 && !hasChanged) return kept
    if (runs > MOST_RUNS) return kept
  }
}

async function traced<Made extends MadeApp>(
  options: SimulateOptions<Made>,
  seed: number,
  strikes: readonly number[] | undefined,
): Promise<Finding> {
  let current: World<Made> | undefined
  const off = onLog(({ level, room, message, fields }) => {
    current?.trace.add(`(${room})`, `${level}: ${message} ${logged(fields)}`)
  })
  try {
    const { ledger, kit, trace } = await runSchedule(options, {
      seed,
      strikes,
      onWorld: (world) => (current = world),
      isTraced: true,
    })
    return { problem: ledger.problem ?? '', strikes: kit.strikesSoFar, lines: trace.lines() }
  } finally {
    off()
  }
}

function numbersOf(strikes: readonly Strike[]): number[] {
  return strikes.map(({ number }) => number)
}

/** What failed, without what differs from run to run. */
function kindOf(problem: string): string {
  const [first = ''] = problem.split('\n', 1)
  return first.replaceAll(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}|\b[\da-f]{8}\b|[\d.]+/g, '#')
}

function misfortune(strikes: readonly Strike[]): string[] {
  if (strikes.length === 0) return ['It fails although nothing goes wrong.']
  const lines = strikes.map(({ number, fault, at, atMs }) => {
    return `  ${String(number).padStart(4)}  ${atMs.toFixed(3).padStart(12)} ms  ${fault}${at === '' ? '' : ` of ${at}`}`
  })
  return ['It takes no more than this to go wrong:', ...lines]
}

/** Lines of text that the message of an error has, and whoever prints its details need not see another time. */
class Story {
  readonly #lines: readonly string[]

  constructor(lines: readonly string[]) {
    this.#lines = lines
  }

  toString(): string {
    return this.#lines.map((line) => `\n${line}`).join('')
  }
}

function logged(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : messageOf(value)}`)
    .join(' ')
}
