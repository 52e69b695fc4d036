import { fileURLToPath } from 'node:url'
import { type Clock, deadline } from '../base/clock.ts'
import { milliseconds, type Duration } from '../base/duration.ts'
import { LovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { HeaderValue } from '../protocol/headers.ts'
import type { State } from '../protocol/outcome.ts'
import { didYouMean, shown } from './check.ts'

/** Longest wait for a hook that names none. */
const TIMEOUT_MS = 10_000

/** A worker, as hooks are told of it. */
export interface WorkerEvent {
  /** Name of the worker node, `lovage@host` say. */
  readonly hostname: string
}

/** A child of a pool, as hooks are told of it. The async pool has one, the worker's own process. */
export interface ChildEvent extends WorkerEvent {
  readonly pool: 'async' | 'threads' | 'processes'
}

/** A run of a task, as hooks are told of it. */
export interface TaskEvent {
  /** Name of the task. */
  readonly task: string
  readonly id: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  /** 0 in the first run. */
  readonly retries: number
}

/** A message on its way to the broker. */
export interface PublishEvent {
  /** Name of the task. */
  readonly task: string
  readonly id: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly exchange: string
  readonly routingKey: string
}

/** What each hook is told. */
export interface HookEvents {
  /** Before the worker connects. */
  workerInit: WorkerEvent
  /** The worker reads its queues. */
  workerReady: WorkerEvent
  /** The worker has been told to stop; nothing has been cut off yet. */
  workerShuttingDown: WorkerEvent & { readonly how: 'warm' | 'soft' | 'cold' }
  /** In each child of the pool, before its first task. */
  childInit: ChildEvent
  /** In each child of the pool that ends in order, after its last task. */
  childExit: ChildEvent
  /** Before the task's function, where it runs. */
  taskPrerun: TaskEvent
  /** After the task's function, where it ran, however it ended; its outcome is not stored yet. */
  taskPostrun: TaskEvent & { readonly state: State; readonly result?: unknown; readonly error?: unknown }
  taskSuccess: TaskEvent & { readonly result: unknown }
  taskFailure: TaskEvent & { readonly error: unknown }
  /** It will be run again after `delayMs`. `error`: why, where that is known. */
  taskRetry: TaskEvent & { readonly error: unknown; readonly delayMs: number }
  /** It was dropped before it ran, or ended while it did; in the worker's own process. */
  taskRevoked: {
    readonly task: string
    readonly id: string
    readonly isExpired: boolean
    readonly isTerminated: boolean
  }
  /** Before a message goes to the broker. `headers` may be changed: those of your own on the message. */
  beforeTaskPublish: PublishEvent & { readonly headers: Record<string, HeaderValue> }
  /** The broker has it. */
  afterTaskPublish: PublishEvent
}

/** Name of a hook: Celery's signals in camelCase. */
export type HookName = keyof HookEvents

/** What is called. A promise is awaited. */
export type Hook<Name extends HookName> = (event: HookEvents[Name]) => unknown

/** How a hook is called. */
export interface HookOptions {
  /** Longest wait for its promise. What waited goes on then, and so does the hook. Default `'10s'`. */
  readonly timeout?: Duration
}

const NAMES: Readonly<Record<HookName, true>> = {
  workerInit: true,
  workerReady: true,
  workerShuttingDown: true,
  childInit: true,
  childExit: true,
  taskPrerun: true,
  taskPostrun: true,
  taskSuccess: true,
  taskFailure: true,
  taskRetry: true,
  taskRevoked: true,
  beforeTaskPublish: true,
  afterTaskPublish: true,
}

interface Registered {
  readonly call: (event: never) => unknown
  readonly timeoutMs: number
  /** File and line where it was registered. */
  readonly at: string | undefined
}

/** What an application wants to be told of, and who is told. */
export class Hooks {
  readonly #clock: Clock
  readonly #hooks = new Map<HookName, readonly Registered[]>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Calls `hook` from now on; the returned function ends that.
   * @param above what the user's code called
   * @throws LovageError `OPTION_INVALID`
   */
  on<Name extends HookName>(
    name: Name,
    hook: Hook<Name>,
    options: HookOptions = {},
    above?: (...args: never[]) => unknown,
  ): () => void {
    const invalid = (option: string, problem: string, fix: string): LovageError =>
      new LovageError('OPTION_INVALID', { option, where: `app.on(${shown(name)})`, problem, fix })
    if (!Object.hasOwn(NAMES, name)) throw invalid('name', 'is no hook', didYouMean(String(name), Object.keys(NAMES)))
    if (typeof hook !== 'function') {
      throw invalid('hook', `must be a function, and is ${shown(hook)}`, `Write app.on('${name}', (event) => ...)`)
    }
    const timeoutMs = options.timeout === undefined ? TIMEOUT_MS : milliseconds(options.timeout)
    const registered: Registered = { call: hook, timeoutMs, at: callerOf(above ?? this.on) }
    this.#hooks.set(name, [...(this.#hooks.get(name) ?? []), registered])
    return () => {
      const others = (this.#hooks.get(name) ?? []).filter((other) => other !== registered)
      if (others.length > 0) this.#hooks.set(name, others)
      else this.#hooks.delete(name)
    }
  }

  /** Whether anybody wants to be told. Asking first spares the making of the event. */
  has(name: HookName): boolean {
    return this.#hooks.has(name)
  }

  /** Whether anybody wants to be told of the runs of tasks where they happen. */
  get watchesRuns(): boolean {
    return this.#hooks.size > 0 && RUNS.some((name) => this.#hooks.has(name))
  }

  /**
   * Calls the hooks of a name one after the other, in the order of their registration, and waits for each. Never rejects:
   * what goes wrong in one is logged with its name and place, and the others are called all the same.
   */
  async run<Name extends HookName>(name: Name, event: HookEvents[Name]): Promise<void> {
    for (const { call, timeoutMs, at } of this.#hooks.get(name) ?? NONE) {
      await contain(this.#clock, { hook: name, at }, () => call(event as never), timeoutMs)
    }
  }

  /** Has all hooks of now called from there too. */
  copyTo(others: Hooks): void {
    for (const [name, registered] of this.#hooks) others.#hooks.set(name, registered)
  }
}

const NONE: readonly Registered[] = []

const RUNS: readonly HookName[] = ['taskPrerun', 'taskPostrun', 'taskSuccess', 'taskFailure', 'taskRetry']

/**
 * Calls something of the user's that must neither fail nor delay what goes on around it for longer than `timeoutMs`. What
 * goes wrong is logged with `fields`.
 */
export async function contain(
  clock: Clock,
  fields: Readonly<Record<string, unknown>>,
  call: () => unknown,
  timeoutMs: number = TIMEOUT_MS,
): Promise<void> {
  try {
    const returned = call()
    if (!isThenable(returned)) return
    await deadline(clock, Promise.resolve(returned), timeoutMs, () => new HookTimeout(timeoutMs))
  } catch (error) {
    log('error', 'app', 'hook failed', { ...fields, error: messageOf(error) })
  }
}

class HookTimeout extends Error {
  constructor(timeoutMs: number) {
    super(`it took longer than ${timeoutMs} ms, and was not waited for any longer`)
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value
}

/** File and line of what called `above`. */
function callerOf(above: (...args: never[]) => unknown): string | undefined {
  const holder: { stack?: string } = {}
  Error.captureStackTrace(holder, above)
  const frame = /\n\s*at (?:.*\()?(.+?:\d+):\d+\)?(?:\n|$)/.exec(holder.stack ?? '')?.[1]
  return frame?.startsWith('file://') ? frame.replace(/^file:\/\/\S+(?=:\d+$)/, (url) => fileURLToPath(url)) : frame
}
