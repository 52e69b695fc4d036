import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type Clock, systemClock } from '../base/clock.ts'
import { DueHeap } from '../base/due-heap.ts'
import { LovageError } from '../base/errors.ts'
import type { Broker } from '../broker/broker.ts'
import { Asker } from '../fleet/ask.ts'
import { LamportClock } from '../fleet/lamport.ts'
import { Pidbox } from '../fleet/pidbox.ts'
import type { Store } from '../store/store.ts'
import type { TaskFunction } from './arguments.ts'
import { AsyncResult, type Waiting } from './async-result.ts'
import { builtInTasks } from './built-in-tasks.ts'
import type { CallOptions } from './call-options.ts'
import { assertStore } from './capabilities.ts'
import { CanvasSends } from './canvas-sends.ts'
import { childPlace } from './child-place.ts'
import { Composer, readResult } from './composer.ts'
import { Connection } from './connection.ts'
import { Control } from './control.ts'
import { localTask, remoteTask } from './definitions.ts'
import { type Hook, type HookName, type HookOptions, Hooks } from './hooks.ts'
import { sendable } from './outgoing.ts'
import { LazyService } from './lazy-service.ts'
import { withOpeners } from './openers.ts'
import { type RegisteredTask, Registry } from './registry.ts'
import { type Resource, type ResourceOptions, Resources } from './resources.ts'
import { type Client, type SendCounts, Sender, type Sends } from './send.ts'
import type { Sending } from './sending.ts'
import { type GivenSettings, resolveSettings, type Settings } from './settings.ts'
import type { InputOptions, InputTask, PositionalOptions, RemoteOf, TaskOf } from './task.ts'
import type { TaskClass, TaskObject } from './task-class.ts'
import { type ResolvedTaskOptions, resolveTaskOptions, type SendOptions } from './task-options.ts'

export type { Client, SendCounts }

/** What an application takes from around it; tests and simulators give their own. */
export interface Surroundings {
  /** Default: the machine's clock. */
  readonly clock?: Clock
  /** Environment variables. Default: the process's. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Opens broker and backend, not started. Default: those of the URLs in the settings. */
  readonly open?: (settings: Settings) => Client
  /** Opens the store, not started. Default: that of the URL in the settings. */
  readonly openStore?: (settings: Settings) => Store
}

type FindStandIn = (app: App) => App | undefined

let findStandIn: FindStandIn | undefined

/**
 * For simulators, which have many processes in one: from now on `find` says what stands in for an application where the
 * calling code runs, undefined is the application itself.
 */
export function setStandIns(find: FindStandIn | undefined): void {
  findStandIn = find
}

/** An application: its settings, its tasks, and its one connection to broker and results. */
export class App {
  readonly name: string
  readonly settings: Settings
  /** The tasks defined here. */
  readonly registry: Registry
  /** Who is told of what happens: see `on`. */
  readonly hooks: Hooks
  /** What the tasks of this process or thread share: see `resource`. */
  readonly resources: Resources
  /** Commands and questions to workers. */
  readonly control: Control
  /** Orders what this process tells other nodes, and hears of them. */
  readonly lamport: LamportClock = new LamportClock()
  /** Where commands to workers go. */
  readonly pidbox: Pidbox = new Pidbox()
  /** Sends what canvases are made of. For workers; to compose tasks see `chain`, `group` and `chord`. */
  readonly canvas: CanvasSends
  readonly #given: GivenSettings
  readonly #connection: Connection
  readonly #store: LazyService<Store>
  readonly #waiting: Waiting
  readonly #sender: Sender
  readonly #composer: Composer
  /** What tasks send through, wherever they are called. */
  readonly #sends: Sends = {
    send: (...call) => this.#here.#sender.send(...call),
    compose: (...call) => this.#here.#composer.compose(...call),
    replace: (...call) => this.#here.#composer.replace(...call),
    addToChord: (...call) => this.#here.#composer.addToChord(...call),
    stream: { clock: () => this.#here.#waiting.clock, store: (what) => this.store(what) },
  }
  /** Options of tasks that are known by name only. */
  readonly #defaults: ResolvedTaskOptions

  /** Made by {@link lovage}. */
  constructor(
    name: string,
    given: GivenSettings = {},
    { clock = systemClock, env, open, openStore: opensStore }: Surroundings = {},
  ) {
    if (typeof name !== 'string' || name === '') {
      const problem = 'must be a text that is not empty'
      throw new LovageError('SETTING_INVALID', { option: 'name', source: 'code', problem, fix: "Write lovage('shop')" })
    }
    this.name = name
    childPlace()?.apps.push(this)
    this.hooks = new Hooks(clock)
    this.resources = new Resources(clock)
    this.#given = given
    const settings = (this.settings = resolveSettings(given, env && { env }))
    this.#defaults = resolveTaskOptions('sent by name', {}, settings)
    this.registry = new Registry(
      builtInTasks({
        options: this.#defaults,
        get: (name) => this.registry.get(name),
        canvas: () => this.canvas,
        uuid: () => clock.uuid(),
      }),
    )
    const dues = new DueHeap(clock)
    this.#connection = new Connection(() =>
      open ? open(settings) : withOpeners((by) => by.openClient(settings, clock, name)),
    )
    this.#store = new LazyService(
      () => (opensStore ? opensStore(settings) : withOpeners((by) => by.openOwnStore(settings, clock))),
      () => new LovageError('STORE_CLOSED'),
    )
    this.#waiting = {
      clock,
      dues,
      resultExpiresMs: settings.resultExpiresMs,
      client: () => this.#connection.client(),
      clientIfOpen: () => this.#connection.clientIfOpen(),
      store: (what) => this.store(what),
      read: (tree) => readResult(tree, this.#waiting),
      revoke: async (ids, options) => void (await this.control.revoke(ids, { ...options, reply: false })),
    }
    this.#sender = new Sender(settings, clock, this.#waiting, this.hooks, this.lamport)
    this.canvas = new CanvasSends({
      clock,
      settings,
      registry: this.registry,
      sender: this.#sender,
      defaults: this.#defaults,
      client: () => this.#connection.client(),
      store: () => this.#store.open(),
    })
    const { counts } = this.#sender
    this.#composer = new Composer({
      clock,
      canvas: this.canvas,
      registry: this.registry,
      waiting: this.#waiting,
      counts,
    })
    const { lamport, pidbox } = this
    const broker = async (): Promise<Broker> => (await this.client()).broker
    this.control = new Control(new Asker({ broker, clock, lamport, pidbox }))
  }

  /**
   * Defines a task. Its name is what travels; the arguments and return value of the function, or of the method `run` of the
   * class, give it its types.
   * @throws LovageError `TASK_DUPLICATE`, `OPTION_INVALID`
   */
  task<Fn extends TaskFunction>(name: string, fn: Fn): TaskOf<Fn>
  task<Schema extends StandardSchemaV1, Returned>(
    name: string,
    options: InputOptions<Schema>,
    fn: (input: StandardSchemaV1.InferOutput<Schema>) => Returned,
  ): InputTask<Schema, Returned>
  task<Fn extends TaskFunction>(name: string, options: PositionalOptions<Parameters<Fn>>, fn: Fn): TaskOf<Fn>
  task<Instance extends TaskObject>(name: string, type: TaskClass<Instance>): TaskOf<Instance['run']>
  task<Schema extends StandardSchemaV1, Returned>(
    name: string,
    options: InputOptions<Schema>,
    type: TaskClass<{ run(input: StandardSchemaV1.InferOutput<Schema>): Returned }>,
  ): InputTask<Schema, Returned>
  task<Instance extends TaskObject>(
    name: string,
    options: PositionalOptions<Parameters<Instance['run']>>,
    type: TaskClass<Instance>,
  ): TaskOf<Instance['run']>
  task(name: string, ...rest: readonly unknown[]): unknown {
    const [options, fn] = rest.length > 1 ? rest : [{}, rest[0]]
    const { registered, task } = localTask(name, options, fn, this.settings, this.#sends)
    this.registry.add(registered)
    return task
  }

  /**
   * A task that is defined elsewhere, in Python say: `app.remote<(set: string) => number>('ml.train')`.
   * @throws LovageError `OPTION_INVALID`
   */
  remote<Fn extends TaskFunction>(name: string, options: SendOptions = {}): RemoteOf<Fn> {
    return remoteTask(name, options, this.settings, this.#sends) as RemoteOf<Fn>
  }

  /**
   * Calls `hook` whenever something happens, in each process that loads the module: `app.on('taskFailure', async ({ task,
   * error }) => ...)`. Promises are awaited, `timeout` at most; an error is logged with the name and the place of the hook,
   * and changes nothing else. The returned function ends it.
   * @throws LovageError `OPTION_INVALID`
   */
  on<Name extends HookName>(name: Name, hook: Hook<Name>, options?: HookOptions): () => void {
    return this.hooks.on(name, hook, options, this.on)
  }

  /**
   * Sends a task by its name alone. Where a task of that name is defined here, its options and the check of its
   * arguments hold; else the defaults.
   */
  sendTask<Result = unknown>(
    name: string,
    args: readonly unknown[] = [],
    kwargs: Readonly<Record<string, unknown>> = {},
    options?: CallOptions,
  ): Sending<Result> {
    const known = this.registry.get(name)
    const check = known && known.check.bind(known)
    const task = sendable(name, known?.options ?? this.#defaults, this.settings, check)
    return this.#sends.send(task, args, kwargs, options)
  }

  /** The result of a task whose id is known by other means. Over `rpc://` only what this process has sent is known. */
  asyncResult<Result = unknown, Part = unknown>(id: string): AsyncResult<Result, Part> {
    return new AsyncResult<Result, Part>({ id }, this.#here.#waiting)
  }

  /** How sending has gone so far. */
  counts(): SendCounts {
    return { ...this.#here.#sender.counts }
  }

  /**
   * Broker and backend, started. Opened at first use; all callers share them. After a failure it can be tried again.
   * @throws LovageError `BROKER_UNREACHABLE`, `BROKER_REFUSED`, `BROKER_CLOSED`, `URL_UNSUPPORTED`
   */
  client(): Promise<Client> {
    return this.#here.#connection.client()
  }

  /** The same tasks on other surroundings, as an application of its own. For simulators. */
  within(around: Surroundings): App {
    const app = new App(this.name, this.#given, { env: {}, ...around })
    this.hooks.copyTo(app.hooks)
    this.resources.copyTo(app.resources)
    for (const name of this.registry.names()) app.registry.add({ ...(this.registry.get(name) as RegisteredTask) })
    return app
  }

  /**
   * Something that is opened once in each process or thread that runs tasks, and shared by them: a pool of database
   * connections, a model. Opened when a task first asks for it, closed at the end.
   *
   *     const db = app.resource('db', { open: () => connect(), close: (db) => db.end() })
   *     app.task('shop.count', async () => (await db.get()).query('...'))
   * @throws LovageError `OPTION_INVALID`
   */
  resource<Value>(name: string, options: ResourceOptions<Value>): Resource<Value> {
    this.resources.define(name, options)
    return { name, get: () => this.#here.resources.get(name) as Promise<Value> }
  }

  /**
   * The state that all processes of this application share, started. Opened at first use; all callers share it. Names
   * whose namespace Lovage does not use are free for yours.
   * @param what Who needs it, as a sentence begins, for the error: `'A joined request'`.
   * @throws LovageError `CAPABILITY_MISSING` where there is none, `STORE_UNREACHABLE`, `STORE_CLOSED`, `URL_UNSUPPORTED`
   */
  async store(what = 'app.store()'): Promise<Store> {
    const here = this.#here
    assertStore(here.settings, what)
    return here.#store.open()
  }

  /** Ends all connections. Whoever still waits gets BROKER_CLOSED, and so does every later call. */
  async close(): Promise<void> {
    await this.resources.close()
    try {
      await this.#store.close()
      await this.#sender.close()
    } finally {
      await this.#connection.close()
    }
    this.#waiting.dues.clear()
  }

  get #here(): App {
    return findStandIn?.(this) ?? this
  }
}

/** Makes an application. `lovage('shop')` alone runs on the embedded broker, which needs nothing but a directory. */
export function lovage(name: string, settings?: GivenSettings, surroundings?: Surroundings): App {
  return new App(name, settings, surroundings)
}
