import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { ResultBackend } from '../backend/backend.ts'
import { LovageError } from '../base/errors.ts'
import type { Broker } from '../broker/broker.ts'
import { placing, type TaskFunction } from './arguments.ts'
import type { AsyncResult } from './async-result.ts'
import type { CallOptions } from './call-options.ts'
import { Registry, type RegisteredTask } from './registry.ts'
import type { Sending } from './sending.ts'
import { resolveSettings, type GivenSettings, type Settings } from './settings.ts'
import type { InputOptions, InputTask, PositionalOptions, RemoteTask, TaskOf } from './task.ts'
import { resolveTaskOptions, type SendOptions, type TaskOptions } from './task-options.ts'

/** What an application talks through. */
export interface Client {
  readonly broker: Broker
  readonly backend: ResultBackend
}

/** How sending has gone so far, in this process. */
export interface SendCounts {
  /** Messages that the broker has. */
  readonly sent: number
  /** Sendings that failed. */
  readonly failed: number
  /** Those of them that nobody awaited. */
  readonly unawaited: number
}

/** An application: its settings, its tasks, and its one connection to broker and results. */
export class App {
  readonly name: string
  readonly settings: Settings
  /** The tasks defined here. */
  readonly registry = new Registry()

  constructor(name: string, given: GivenSettings = {}) {
    this.name = name
    this.settings = resolveSettings(given)
  }

  /**
   * Defines a task. Its name is what travels; the function's arguments and return value give it its types.
   * @throws LovageError `TASK_DUPLICATE`, `OPTION_INVALID`
   */
  task<Fn extends TaskFunction>(name: string, fn: Fn): TaskOf<Fn>
  task<Schema extends StandardSchemaV1, Returned>(
    name: string,
    options: InputOptions<Schema>,
    fn: (input: StandardSchemaV1.InferOutput<Schema>) => Returned,
  ): InputTask<Schema, Returned>
  task<Fn extends TaskFunction>(name: string, options: PositionalOptions<Parameters<Fn>>, fn: Fn): TaskOf<Fn>
  task(name: string, ...rest: readonly unknown[]): unknown {
    const [options, fn] = (rest.length > 1 ? rest : [{}, rest[0]]) as [TaskOptions, TaskFunction]
    const { params, input, ...own } = options as TaskOptions & { params?: readonly string[]; input?: StandardSchemaV1 }
    const place = placing(name, { fn, params, input })
    const run = (args: readonly unknown[]): unknown => (fn as (...args: readonly unknown[]) => unknown)(...args)
    const task: RegisteredTask = {
      name,
      options: resolveTaskOptions(name, own, this.settings),
      params,
      input,
      call: (args, kwargs) => {
        const placed = place(args, kwargs)
        return placed instanceof Promise ? placed.then(run) : run(placed)
      },
      check: (args, kwargs) => {
        const placed = place(args, kwargs)
        return placed instanceof Promise ? placed.then(() => undefined) : undefined
      },
    }
    this.registry.add(task)
    return Object.assign((...args: readonly unknown[]) => run(args), {
      delay: () => this.#none(),
      applyAsync: () => this.#none(),
    })
  }

  /**
   * A task that is defined elsewhere, in Python say: `app.remote<(set: string) => number>('ml.train')`.
   * @throws LovageError `OPTION_INVALID`
   */
  remote<Fn extends TaskFunction>(
    name: string,
    options?: SendOptions,
  ): RemoteTask<Parameters<Fn>, Awaited<ReturnType<Fn>>> {
    return { name, options, delay: () => this.#none(), applyAsync: () => this.#none() } as never
  }

  /** Sends a task by its name alone. */
  sendTask<Result = unknown>(
    _name: string,
    _args: readonly unknown[] = [],
    _kwargs: Readonly<Record<string, unknown>> = {},
    _options?: CallOptions,
  ): Sending<Result> {
    return this.#none()
  }

  /** The result of a task whose id is known by other means. */
  asyncResult<Result = unknown>(_id: string): AsyncResult<Result> {
    return this.#none()
  }

  /** How sending has gone so far. */
  counts(): SendCounts {
    return { sent: 0, failed: 0, unawaited: 0 }
  }

  /** Broker and backend, started. Opened at first use; all callers share them. After a failure it can be tried again. */
  async client(): Promise<Client> {
    return this.#none()
  }

  /** Ends both connections. Whoever still waits gets BROKER_CLOSED; so does every later call. */
  async close(): Promise<void> {}

  #none(): never {
    throw new LovageError('BROKER_CLOSED')
  }
}

/** Makes an application. `lovage('shop')` alone runs on a broker inside this process. */
export function lovage(name: string, settings?: GivenSettings): App {
  return new App(name, settings)
}
