import type { Profiler } from 'node:inspector'
import { sourceOf } from './sources.ts'

/** What a task's time goes to, in the order in which pictures and tables have it. */
export const STAGES = [
  'request made',
  'messages to bytes and back',
  'sent, taken, acknowledged',
  'queues',
  'journal',
  'admitted, settled, counted',
  'body read, task run',
  'results',
  'garbage collection',
  'the runtime, and the rest',
  'the kernel',
] as const

export type Stage = (typeof STAGES)[number]

/** The stage of a file of ours, by its path below dist: the first that fits. Those of none are part of who calls them. */
export const RULES: readonly (readonly [RegExp, Stage])[] = [
  [/^broker\/(amqp\/(wire|properties)|redis\/(envelope|header-forms|json-text)|embedded\/wire)\b/, STAGES[1]],
  [/^broker\/embedded\/client\/(line|post)\b/, STAGES[1]],
  [/^broker\/embedded\/(owner\/served-results|results)\b/, STAGES[7]],
  [/^broker\/embedded\/client\/kept-results\b/, STAGES[7]],
  [/^broker\/embedded\/(client|owner)\//, STAGES[2]],
  [/^broker\/embedded\/journal\//, STAGES[4]],
  [/^broker\/embedded\//, STAGES[3]],
  [/^(broker|base\/redis)\//, STAGES[2]],
  [/^backend\//, STAGES[7]],
  [/^app\/(async-result|sending|get-options|together)\b/, STAGES[7]],
  [/^app\/current-task\b/, STAGES[6]],
  [/^(app|canvas)\//, STAGES[0]],
  [/^pool\//, STAGES[6]],
  [/^(worker|fleet)\//, STAGES[5]],
]

/** A share of the time of each stage; together 1. */
export type Shares = ReadonlyMap<Stage, number>

/** What the profiler calls itself, and time in which there was nothing to do. */
const NOT_OURS = new Set(['(idle)', '(root)', 'dispatch'])

/** Functions of Node that are a call into the kernel, and little else. */
const KERNEL =
  /^(write(v|Buffers?|String|(Utf8|Latin1|Ascii|Ucs2)String)|read(Buffers)?|f(data)?sync|send|connect|ftruncate)$/

const RUNTIME: Stage = 'the runtime, and the rest'

/**
 * Splits the CPU time that a process had outside of the kernel by the stages of a task. A sample counts for the file in which
 * its function is; one of Node's, of a package, or of what many use (`base`, `protocol`), for whoever of ours called it.
 * @param inKernel the share of its CPU time that it had in the kernel
 */
export function sharesOf(profiles: readonly Profiler.Profile[], inKernel: number): Shares {
  const took = new Map<Stage, number>()
  const add = (stage: Stage, micros: number): void => void took.set(stage, (took.get(stage) ?? 0) + micros)
  let program = 0
  for (const profile of profiles) {
    for (const [path, micros] of leavesOf(profile)) {
      const name = path[0]?.functionName ?? ''
      if (NOT_OURS.has(name)) continue
      if (name === '(garbage collector)') add('garbage collection', micros)
      else if (name === '(program)') program += micros
      else if (path[0]?.url === '' && KERNEL.test(name)) add('the kernel', micros)
      else add(stageOf(path.map(sourceOf)), micros)
    }
  }
  // What the profiler sees of the kernel is who called it, and of waiting for more nothing but `(program)`.
  const all = [...took.values()].reduce((sum, micros) => sum + micros, program)
  const unseen = Math.max(0, inKernel * all - (took.get('the kernel') ?? 0))
  took.delete('the kernel')
  add(RUNTIME, Math.max(0, program - unseen))
  const ours = [...took.values()].reduce((sum, micros) => sum + micros, 0)
  return new Map([...took].map(([stage, micros]) => [stage, micros / Math.max(ours, 1)]))
}

/** The stage of a stack of files, the innermost first. */
export function stageOf(urls: readonly string[]): Stage {
  for (const url of urls) {
    const path = /\/(?:dist|src)\/(.+)\.[jt]s$/.exec(url.replace(/^.*\/node_modules\//, ''))?.[1]
    const stage = path === undefined ? undefined : RULES.find(([rule]) => rule.test(path))?.[1]
    if (stage) return stage
  }
  // What a Redis client does with an answer is called by nobody of ours.
  return urls.some((url) => /\/node_modules\/@?ioredis\//.test(url)) ? 'sent, taken, acknowledged' : RUNTIME
}

/** Each place that was sampled: the functions from it outwards, and the microseconds that it took. */
function* leavesOf({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Generator<Leaf> {
  const took = new Map<number, number>()
  for (const [i, id] of samples.entries()) took.set(id, (took.get(id) ?? 0) + (timeDeltas[i] ?? 0))
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)))
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  for (const [id, micros] of took) {
    const path: Profiler.ProfileNode['callFrame'][] = []
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const frame = frames.get(at)
      if (frame) path.push(frame)
    }
    yield [path, micros]
  }
}

type Leaf = [path: Profiler.ProfileNode['callFrame'][], micros: number]
