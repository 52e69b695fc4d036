import { LovageError } from '../base/errors.ts'
import { redactUrl } from '../base/redact.ts'
import { schemeOf } from '../base/url.ts'
import { BROKER_FEATURES } from './broker-features.ts'
import type { Settings } from './settings.ts'

/** A kind of broker, whichever scheme its URL has. */
export type BrokerKind = 'amqp' | 'redis' | 'embedded' | 'memory'

/** A kind of result backend. */
export type BackendKind = 'rpc' | 'redis' | 'embedded' | 'memory'

/** A kind of store. */
export type StoreKind = 'redis' | 'embedded' | 'memory'

/** Whether a kind has a feature, and what is to be said of it. */
export type Capability = readonly [has: boolean, note: string]

/** One row of the matrix. */
export interface Feature<Kind extends string> {
  /** As a heading: what it is. */
  readonly title: string
  /** As an error says it: what is missing where a kind lacks it. */
  readonly needs: string
  readonly kinds: Readonly<Record<Kind, Capability>>
}

/** What each kind of result backend can do. */
export const BACKEND_FEATURES = {
  processes: {
    title: 'worker and caller may be different processes',
    needs: 'a result backend that several processes share',
    kinds: {
      rpc: [true, 'as far as the broker reaches'],
      redis: [true, ''],
      embedded: [true, 'of one user, on one machine'],
      memory: [false, 'it lies in the memory of one process'],
    },
  },
  anyReader: {
    title: 'any process can read a result, by the id of its task',
    needs: 'a result backend that stores results',
    kinds: {
      rpc: [false, 'only the process that sent the task'],
      redis: [true, 'also Celery’s'],
      embedded: [true, ''],
      memory: [true, 'in the one process'],
    },
  },
  late: {
    title: 'a result can be read by who asks after it came',
    needs: 'a result backend that keeps results',
    kinds: {
      rpc: [true, 'in the process that sent the task'],
      redis: [true, 'until it expires'],
      embedded: [true, 'also after a restart'],
      memory: [true, 'in the one process'],
    },
  },
  updates: {
    title: 'STARTED, RETRY and progress are told while the task runs',
    needs: 'a result backend that pushes',
    kinds: { rpc: [true, ''], redis: [true, ''], embedded: [true, ''], memory: [true, ''] },
  },
  chords: {
    title: 'chords: a task that waits for all of a group',
    needs: 'results in Redis, a store, or RabbitMQ',
    kinds: {
      rpc: [true, 'on RabbitMQ in a queue for each, elsewhere with a `store`'],
      redis: [true, 'under Celery’s keys, so that Python shares them'],
      embedded: [true, 'in the store'],
      memory: [true, 'in the store'],
    },
  },
} as const satisfies Record<string, Feature<BackendKind>>

/** What each kind of store can do. */
export const STORE_FEATURES = {
  processes: {
    title: 'several processes share it',
    needs: 'a store that several processes share',
    kinds: {
      redis: [true, ''],
      embedded: [true, 'of one user, on one machine'],
      memory: [false, 'it lies in the memory of one process'],
    },
  },
  durable: {
    title: 'what it has answered outlives its end',
    needs: 'a store that keeps what it has',
    kinds: {
      redis: [true, 'with `appendonly yes` and `noeviction` only'],
      embedded: [true, 'in the journal of the broker, on disk before the answer'],
      memory: [false, 'gone with the process'],
    },
  },
} as const satisfies Record<string, Feature<StoreKind>>

/** A feature of brokers. */
export type BrokerFeature = keyof typeof BROKER_FEATURES

/** A feature of result backends. */
export type BackendFeature = keyof typeof BACKEND_FEATURES

const BROKER_SCHEMES: Readonly<Record<string, BrokerKind>> = {
  amqp: 'amqp',
  amqps: 'amqp',
  redis: 'redis',
  rediss: 'redis',
  'redis+socket': 'redis',
  sentinel: 'redis',
  embedded: 'embedded',
  memory: 'memory',
}
const BACKEND_SCHEMES: Readonly<Record<string, BackendKind>> = {
  rpc: 'rpc',
  redis: 'redis',
  rediss: 'redis',
  'redis+socket': 'redis',
  sentinel: 'redis',
  embedded: 'embedded',
  memory: 'memory',
}

type Urls = Pick<Settings, 'broker' | 'backend'>

/** Whether the broker of the settings has a feature. Of a scheme that nobody knows it is true: opening it tells more. */
export function brokerHas(feature: BrokerFeature, { broker }: Pick<Urls, 'broker'>): boolean {
  const kind = BROKER_SCHEMES[schemeOf(broker) ?? '']
  return kind === undefined || BROKER_FEATURES[feature].kinds[kind][0]
}

/** Whether the result backend of the settings has a feature. */
export function backendHas(feature: BackendFeature, { backend }: Pick<Urls, 'backend'>): boolean {
  const kind = BACKEND_SCHEMES[schemeOf(backend) ?? '']
  return kind === undefined || BACKEND_FEATURES[feature].kinds[kind][0]
}

/**
 * Refuses what needs a broker and a result backend that several processes share, before anything is opened: in memory,
 * each process would have its own, and wait for the others for ever.
 * @param what Who asks, as a sentence begins: `'A worker by itself'`.
 * @param instead What to do without another broker.
 * @throws LovageError `CAPABILITY_MISSING`
 */
export function assertShared(settings: Urls, what: string, instead: string): void {
  assertBroker('processes', settings, what, instead)
  if (backendHas('processes', settings)) return
  const fix = 'Use LOVAGE_RESULT_BACKEND=rpc://: results then come back over the broker'
  throw missing(what, BACKEND_FEATURES.processes, settings.backend, 'memory', fix)
}

/**
 * Refuses what the broker of the settings cannot do.
 * @throws LovageError `CAPABILITY_MISSING`
 */
export function assertBroker(feature: BrokerFeature, settings: Urls, what: string, instead: string): void {
  if (brokerHas(feature, settings)) return
  const kind = BROKER_SCHEMES[schemeOf(settings.broker) ?? ''] as BrokerKind
  const fix = `${instead}, or use another broker: LOVAGE_BROKER_URL=embedded:// on one machine, amqp://guest:guest@localhost:5672/ on several`
  throw missing(what, BROKER_FEATURES[feature], settings.broker, kind, fix)
}

/**
 * Refuses what needs chords where nothing can count their parts.
 * @param what Who asks, as a sentence begins: `'A chord'`.
 * @throws LovageError `CAPABILITY_MISSING`
 */
export function assertChords(settings: Pick<Settings, 'broker' | 'backend' | 'store'>, what: string): void {
  if (settings.store !== undefined || keepsGroups(settings) || countsInQueues(settings)) return
  const fix = "Add store: 'redis://localhost/3', say, to the settings of clients and workers, or use results in Redis"
  const kind = `${redactUrl(settings.backend)} on ${redactUrl(settings.broker)}`
  throw new LovageError('CAPABILITY_MISSING', { what, needs: BACKEND_FEATURES.chords.needs, kind, fix })
}

/** Whether chords are counted in queues of their own: where there is only RabbitMQ. */
export function countsInQueues({ broker, backend, store }: Pick<Settings, 'broker' | 'backend' | 'store'>): boolean {
  const isRabbit = BROKER_SCHEMES[schemeOf(broker) ?? ''] === 'amqp'
  return isRabbit && store === undefined && !keepsGroups({ backend })
}

/** Whether it can be kept which of several messages of one task is the one that runs. */
export function keepsMarks(settings: Pick<Settings, 'backend' | 'store'>): boolean {
  return settings.store !== undefined || keepsGroups(settings)
}

function keepsGroups({ backend }: Pick<Settings, 'backend'>): boolean {
  return BACKEND_SCHEMES[schemeOf(backend) ?? ''] === 'redis'
}

/**
 * Refuses what needs a store where there is none.
 * @param what Who asks, as a sentence begins: `'A joined request'`.
 * @throws LovageError `CAPABILITY_MISSING`
 */
export function assertStore({ store, broker }: Pick<Settings, 'store' | 'broker'>, what: string): void {
  if (store !== undefined) return
  const fix =
    "Add store: 'embedded://' to the settings, or LOVAGE_STORE=embedded://, for the processes of one machine; redis://localhost/3, say, for several"
  const kind = `an application on ${redactUrl(broker)} without the setting store`
  throw new LovageError('CAPABILITY_MISSING', { what, needs: 'a store', kind, fix })
}

/**
 * Refuses what needs results that any process can read.
 * @param what Who asks, as a sentence begins.
 * @throws LovageError `CAPABILITY_MISSING`
 */
export function assertReaders(settings: Pick<Settings, 'backend'>, what: string): void {
  if (backendHas('anyReader', settings)) return
  const fix = "Use backend: 'redis://localhost/1', say, in the settings of clients and workers"
  throw missing(what, BACKEND_FEATURES.anyReader, settings.backend, 'rpc', fix)
}

/**
 * Refuses what needs a store that several processes share, where the store is in memory.
 * @param what Who asks, as a sentence begins.
 * @throws LovageError `CAPABILITY_MISSING`
 */
export function assertSharedStore({ store = '' }: Pick<Settings, 'store'>, what: string): void {
  if (schemeOf(store) !== 'memory') return
  throw missing(what, STORE_FEATURES.processes, store, 'memory', "Use store: 'embedded://', or run it in pool async")
}

function missing<Kind extends string>(
  what: string,
  { needs, kinds }: Feature<Kind>,
  url: string,
  kind: Kind,
  fix: string,
): LovageError {
  const [, why] = kinds[kind]
  return new LovageError('CAPABILITY_MISSING', { what, needs, kind: why === '' ? url : `${url} (${why})`, fix })
}
