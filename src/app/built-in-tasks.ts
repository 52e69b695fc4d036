import { LovageError } from '../base/errors.ts'
import { chunksOf } from '../canvas/forms.ts'
import { plan } from '../canvas/plan.ts'
import { resultTuple } from '../protocol/result-tree.ts'
import { isRecord, readSignature } from '../protocol/signature.ts'
import type { CanvasSends } from './canvas-sends.ts'
import { currentTask } from './current-task.ts'
import type { RegisteredTask } from './registry.ts'
import type { ResolvedTaskOptions } from './task-options.ts'

type Args = readonly unknown[]
type Kwargs = Readonly<Record<string, unknown>>

/** What Celery's own tasks stand on. */
export interface BuiltInOptions {
  readonly options: ResolvedTaskOptions
  readonly get: (name: string) => RegisteredTask | undefined
  readonly canvas: () => CanvasSends
  readonly uuid: () => string
}

/** The tasks that every worker of Celery's has: maps, what lists of results are made by, and some for its upkeep. */
export function builtInTasks({ options, get, canvas, uuid }: BuiltInOptions): ReadonlyMap<string, RegisteredTask> {
  const innerOf = (task: string, kwargs: Kwargs): { inner: RegisteredTask; items: readonly unknown[] } => {
    const { task: sig, it } = kwargs
    if (!isRecord(sig) || !Array.isArray(it)) throw invalid(task, 'it takes a signature and a list')
    const { task: name } = readSignature(sig, 'task')
    const inner = get(name)
    if (!inner) throw new LovageError('TASK_UNKNOWN', { task: name })
    return { inner, items: it as unknown[] }
  }
  /** One after the other, as Celery does. */
  const mapped = (task: string, argsOf: (item: unknown) => Args) => async (_: Args, kwargs: Kwargs) => {
    const { inner, items } = innerOf(task, kwargs)
    const results: unknown[] = []
    for (const item of items) results.push((await inner.call(argsOf(item), {})) ?? null)
    return results
  }
  const starred = (item: unknown): Args => {
    if (Array.isArray(item)) return item as unknown[]
    throw invalid('celery.starmap', 'it takes a list of lists of arguments')
  }
  const chunks = async (_: Args, { task: sig, it, n }: Kwargs): Promise<unknown> => {
    const items = Array.isArray(it) ? (it as unknown[]) : []
    const { id, request } = currentTask()
    const canvasOf = chunksOf(readSignature(sig, 'task'), items, Number(n))
    const place = { parent_id: id, root_id: request.rootId }
    const { calls, result } = plan(canvasOf, { options: place }, { id: uuid, replyTo: request.replyTo || undefined })
    for (const call of calls) await canvas().deliver(call)
    return resultTuple(result)
  }
  const calls: Readonly<Record<string, (args: Args, kwargs: Kwargs) => unknown>> = {
    'celery.map': mapped('celery.map', (item) => [item]),
    'celery.starmap': mapped('celery.starmap', starred),
    'celery.chunks': chunks,
    'celery.accumulate': (args, { index }) => (typeof index === 'number' ? (args.at(index) ?? null) : args),
    // Results expire by themselves, wherever we keep them.
    'celery.backend_cleanup': () => null,
    'celery.ping': () => 'pong',
  }
  const named = Object.entries(calls).map(([name, call]): [string, RegisteredTask] => [
    name,
    { name, options, call, check: () => {} },
  ])
  return new Map(named)
}

function invalid(task: string, problem: string): LovageError {
  return new LovageError('ARGUMENTS_INVALID', { task, problem })
}
