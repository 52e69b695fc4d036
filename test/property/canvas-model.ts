import type { AnySignature } from '../../src/app/canvas.ts'
import { type AnyResult, type App, chain, chord, currentTask, type Duration, group } from '../../src/index.ts'
import { readFailure } from '../../src/protocol/failure.ts'
import { payloadValue } from '../../src/protocol/outcome.ts'
import { GroupResult } from '../../src/app/group-result.ts'
import { seeded, type Random } from './random.ts'

/** A canvas as a plain tree. */
export type Node =
  | { readonly kind: 'task'; readonly label: string; readonly fails: boolean; readonly isImmutable: boolean }
  | { readonly kind: 'map' | 'chunks'; readonly labels: readonly string[] }
  | { readonly kind: 'chain' | 'group'; readonly parts: readonly Node[] }
  | { readonly kind: 'chord'; readonly parts: readonly Node[]; readonly body: Node }

/** How a canvas ends: with a value, an error, or, behind a group, with an end for each member. */
export type End =
  | { readonly ok: unknown }
  | { readonly error: string }
  | { readonly all: readonly End[]; readonly broken?: string }

/** A canvas of this seed, at most four deep. */
export function randomCanvas(seed: number): Node {
  const random = seeded(seed)
  let count = 0
  const label = (): string => `${seed}.${count++}`
  return grow(random, label, 4)
}

function grow(random: Random, label: () => string, depth: number): Node {
  const parts = (): Node[] => Array.from({ length: 1 + random.below(3) }, () => grow(random, label, depth - 1))
  const labels = (): string[] => Array.from({ length: 1 + random.below(4) }, label)
  const kind = depth === 0 ? 0 : random.below(12)
  if (kind < 4) return { kind: 'task', label: label(), fails: random.chance(0.06), isImmutable: random.chance(0.2) }
  if (kind < 7) return { kind: 'chain', parts: parts() }
  if (kind < 9) return { kind: 'group', parts: parts() }
  if (kind < 11) return { kind: 'chord', parts: parts(), body: grow(random, label, depth - 1) }
  return { kind: random.chance(0.5) ? 'map' : 'chunks', labels: labels() }
}

/** What a canvas comes to, worked out in the plainest way; `ran` gets the label of each call. */
export function evaluate(node: Node, given: readonly unknown[], ran: string[]): End {
  switch (node.kind) {
    case 'task': {
      ran.push(node.label)
      if (node.fails) return { error: `TypeError ${node.label}` }
      return { ok: node.isImmutable ? [node.label] : [...given, node.label] }
    }
    case 'map':
      ran.push(...node.labels)
      return { ok: node.labels.map((label) => [label]) }
    case 'chunks':
      return { all: chunked(node.labels).map((part) => evaluate(part, [], ran)) }
    case 'chain': {
      const [first, ...rest] = node.parts as [Node, ...Node[]]
      let end = evaluate(first, given, ran)
      for (const next of rest) {
        const before = collapsed(end)
        if ('error' in before) return never(node, before.error)
        end = evaluate(next, [before.ok], ran)
      }
      return end
    }
    case 'group':
      return { all: flat(node.parts).map((part) => evaluate(part, given, ran)) }
    default: {
      const all = flat(node.parts).map((part) => evaluate(part, given, ran))
      const header = collapsed({ all })
      return 'error' in header ? never(node.body, header.error) : evaluate(node.body, [header.ok], ran)
    }
  }
}

/** The end of what never ran, because of this error. */
function never(node: Node, error: string): End {
  switch (node.kind) {
    case 'chain':
      return never(node.parts.at(-1) as Node, error)
    case 'chord':
      return never(node.body, error)
    case 'group':
      return { all: flat(node.parts).map((part) => never(part, error)), broken: error }
    case 'chunks':
      return { all: chunked(node.labels).map((part) => never(part, error)), broken: error }
    default:
      return { error }
  }
}

/** What comes after sees one value, or one error. */
function collapsed(end: End): { readonly ok: unknown } | { readonly error: string } {
  if (!('all' in end)) return end
  if (end.broken !== undefined) return { error: end.broken }
  const ends = end.all.map(collapsed)
  if (ends.some((one) => 'error' in one)) return { error: 'ChordError' }
  return { ok: ends.map((one) => ('ok' in one ? one.ok : undefined)) }
}

/** Groups within groups are part of those. */
function flat(parts: readonly Node[]): Node[] {
  return parts.flatMap((part) =>
    part.kind === 'group' ? flat(part.parts) : part.kind === 'chunks' ? chunked(part.labels) : [part],
  )
}

function chunked(labels: readonly string[]): Node[] {
  const parts: Node[] = []
  for (let at = 0; at < labels.length; at += 2) parts.push({ kind: 'map', labels: labels.slice(at, at + 2) })
  return parts
}

/** Whether something in it failed. */
export function hasError(end: End): boolean {
  return 'error' in end || ('all' in end && end.all.some(hasError))
}

/** What was called, wherever. */
export class CanvasCalls {
  /** How often each label was called. */
  readonly ran = new Map<string, number>()
  /** Under which ids of tasks. */
  readonly ids = new Map<string, Set<string>>()
  /** How often the error callback of each canvas was called. */
  readonly told = new Map<unknown, number>()
  /** Called after each call of an error callback. */
  onTold: (() => void) | undefined

  /** Resolves when the error callbacks of all these were called, or after so long. */
  async allTold(seeds: readonly unknown[], patienceMs = 20_000): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (seeds.every((seed) => this.told.has(seed))) resolve()
      }
      timer = setTimeout(resolve, patienceMs)
      this.onTold = look
      look()
    })
    clearTimeout(timer)
    this.onTold = undefined
  }

  call(label: string): void {
    this.ran.set(label, (this.ran.get(label) ?? 0) + 1)
    const ids = this.ids.get(label) ?? new Set()
    this.ids.set(label, ids.add(currentTask().id))
  }
}

/** Tasks for such canvases, and what they were called with. */
export class CanvasTasks {
  readonly calls: CanvasCalls
  readonly #mix
  readonly #fail
  readonly #note

  /** `pause` is awaited in each call. */
  constructor(app: App, calls = new CanvasCalls(), pause?: () => Promise<void>) {
    this.calls = calls
    this.#mix = app.task('mix', (...args: unknown[]): unknown => {
      calls.call(String(args.at(-1)))
      return pause ? pause().then(() => args) : args
    })
    this.#fail = app.task('fail', async (...args: unknown[]): Promise<unknown> => {
      calls.call(String(args.at(-1)))
      await pause?.()
      throw new TypeError(String(args.at(-1)))
    })
    this.#note = app.task('note', (...args: unknown[]) => {
      const seed = args.at(-1)
      calls.told.set(seed, (calls.told.get(seed) ?? 0) + 1)
      calls.onTold?.()
    })
  }

  /** The canvas to be sent. */
  canvas(node: Node, seed: number): AnySignature {
    return this.#build(node).linkError((this.#note.s as (...args: unknown[]) => AnySignature)(seed))
  }

  #build(node: Node): AnySignature {
    switch (node.kind) {
      case 'task': {
        const task = node.fails ? this.#fail : this.#mix
        return (node.isImmutable ? task.si(node.label) : task.s(node.label)) as AnySignature
      }
      case 'map':
        return this.#mix.map(node.labels)
      case 'chunks':
        return this.#mix.chunks(
          node.labels.map((label) => [label]),
          2,
        )
      case 'chain':
        return chain(node.parts.map((part) => this.#build(part)))
      case 'group':
        return group(node.parts.map((part) => this.#build(part)))
      default:
        return chord(
          node.parts.map((part) => this.#build(part)),
          this.#build(node.body),
        )
    }
  }
}

/** How a canvas that was sent has ended. */
export async function endOf(result: AnyResult, timeout: Duration = '60s'): Promise<End> {
  if (result instanceof GroupResult) return { all: await Promise.all(result.results.map((one) => endOf(one, timeout))) }
  const outcome = await result.outcome({ timeout })
  const value = payloadValue(outcome.result)
  if (outcome.state === 'SUCCESS') return { ok: value }
  const { exc_type: type, exc_message: args } = readFailure(value)
  return { error: type === 'TypeError' ? `TypeError ${String(args[0])}` : type }
}

/** Sends the canvas of a seed, waits for its end, and says where that differs from what it should be. */
export async function judge(tasks: CanvasTasks, seed: number): Promise<string | undefined> {
  const node = randomCanvas(seed)
  const ran: string[] = []
  const expected = evaluate(node, [], ran)
  const result = await (tasks.canvas(node, seed).delay() as unknown as Promise<AnyResult>)
  const end = await endOf(result)
  const told = JSON.stringify([plain(end), counts(tasks, seed)])
  const wanted = JSON.stringify([plain(expected), Object.fromEntries(ran.toSorted().map((label) => [label, 1]))])
  if (told === wanted) return undefined
  return `canvas ${JSON.stringify(node)}\ncame to ${told}\nand not ${wanted}`
}

function counts({ calls: { ran } }: CanvasTasks, seed: number): Record<string, number> {
  const own = [...ran].filter(([label]) => label.startsWith(`${seed}.`))
  return Object.fromEntries(own.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** As it is seen by who waits. */
export function plain(end: End): unknown {
  return 'all' in end ? end.all.map(plain) : end
}

/** Judges the canvases of many seeds, some at a time; gives what is wrong, by seed. */
export async function judgeAll(app: App, seeds: readonly number[], atOnce = 50): Promise<string[]> {
  const tasks = new CanvasTasks(app)
  return judgeWith(tasks, seeds, atOnce)
}

/** @see judgeAll */
export async function judgeWith(tasks: CanvasTasks, seeds: readonly number[], atOnce = 50): Promise<string[]> {
  const problems: string[] = []
  const failing: number[] = []
  for (let at = 0; at < seeds.length; at += atOnce) {
    await Promise.all(
      seeds.slice(at, at + atOnce).map(async (seed) => {
        try {
          const problem = await judge(tasks, seed)
          if (problem !== undefined) problems.push(`seed ${seed}: ${problem}`)
          if (hasError(evaluate(randomCanvas(seed), [], []))) failing.push(seed)
        } catch (error) {
          problems.push(`seed ${seed}: ${String(error)}`)
        }
      }),
    )
  }
  // Error callbacks come after the end of what they are called for.
  await tasks.calls.allTold(failing)
  for (const seed of seeds) {
    const isTold = tasks.calls.told.has(seed)
    if (isTold !== failing.includes(seed))
      problems.push(`seed ${seed}: its error callback was ${isTold ? '' : 'not '}called`)
  }
  return problems
}
