import type { Clock } from '../base/clock.ts'
import { encodeJson, type JsonTypes } from '../protocol/json.ts'
import type { Store } from '../store/store.ts'
import { Ignore, SoftTimeLimitExceeded, TaskAbandoned } from './control-flow.ts'
import { currentTask } from './current-task.ts'
import type { ResolvedStreamOptions } from './stream-options.ts'
import { StreamWriter } from './stream-writer.ts'

/** What a streaming task stands on. */
export interface StreamGround {
  clock(): Clock
  store(what: string): Promise<Store>
}

/** A task that yields its parts, as it is defined. */
export interface StreamTask {
  readonly name: string
  readonly options: ResolvedStreamOptions
  readonly isAbandonable: boolean
  readonly types: JsonTypes
}

/** Whether a function makes an async generator. */
export function isStreaming(fn: unknown): boolean {
  return Object.prototype.toString.call(fn) === '[object AsyncGeneratorFunction]'
}

/** Whether what a function returned is an async generator: it may have been made by one that does not look like it. */
export function isStream(value: unknown): value is AsyncGenerator<unknown, unknown, void> {
  return Object.prototype.toString.call(value) === '[object AsyncGenerator]'
}

/**
 * Runs a generator as the current task: what it yields goes into the stream, what it returns is the result. It goes on
 * when its readers have come near enough.
 */
export async function runStream(
  { name, options, isAbandonable, types }: StreamTask,
  generator: AsyncGenerator<unknown, unknown, void>,
  ground: StreamGround,
): Promise<unknown> {
  const current = currentTask()
  // As a part of celery.map: the stream of that is nobody's.
  if (current.name !== name) return drained(generator)
  const encode = (part: unknown): string => encodeJson(part === undefined ? null : part, { types })
  const writer = new StreamWriter({
    id: current.id,
    task: name,
    store: await ground.store(`Task ${name}, which yields parts,`),
    clock: ground.clock(),
    options,
    isAbandonable,
    signal: current.signal,
    encode,
    abort: current.abort,
  })
  try {
    await writer.begin()
    let next = generator.next()
    for (;;) {
      const { done, value } = await next
      if (done) {
        await writer.end()
        return value
      }
      try {
        await writer.write(encode(value))
        next = generator.next()
      } catch (error) {
        if (isFinal(error, current.signal)) throw error
        // Of what went wrong with a part, and of the soft time limit, the task hears where it stands.
        next = generator.throw(error)
      }
    }
  } catch (error) {
    // So that its `finally` runs; where the error is its own it has ended already, and this does nothing.
    await generator.return(undefined)
    throw error
  } finally {
    writer.close()
  }
}

async function drained(generator: AsyncGenerator<unknown, unknown, void>): Promise<unknown> {
  for (;;) {
    const { done, value } = await generator.next()
    if (done) return value
  }
}

/** Errors after which a task is not asked whether it wants to go on. */
function isFinal(error: unknown, signal: AbortSignal): boolean {
  if (error instanceof Ignore || error instanceof TaskAbandoned) return true
  return error === signal.reason && !(error instanceof SoftTimeLimitExceeded)
}
