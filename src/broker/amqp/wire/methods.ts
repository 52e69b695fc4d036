import type { Headers } from '../../../protocol/headers.ts'

/**
 * How an argument is written (spec 4.2.5 and the domains of amqp0-9-1.xml). Bits that follow each other share octets, the
 * first in the lowest bit. A leading `-` marks what the specification reserves: written as zero, not read.
 */
type Kind =
  | 'bit'
  | 'octet'
  | 'short'
  | 'long'
  | 'longlong'
  | 'shortstr'
  | 'longstr'
  | 'table'
  | '-short'
  | '-shortstr'
  | '-longstr'
  | '-bit'

interface MethodSpec {
  /** Class id and method id. */
  readonly id: readonly [number, number]
  /** In wire order. */
  readonly args: Readonly<Record<string, Kind>>
  /** The methods that can answer it. Absent: nothing does. */
  readonly replies?: readonly string[]
  /** A content header and body follow. */
  readonly content?: true
}

const CLOSE = { replyCode: 'short', replyText: 'shortstr', classId: 'short', methodId: 'short' } as const
const EXCHANGE_BINDING = {
  ticket: '-short',
  destination: 'shortstr',
  source: 'shortstr',
  routingKey: 'shortstr',
  nowait: 'bit',
  arguments: 'table',
} as const

/**
 * Every method that a client sends or receives, as data for both directions: AMQP 0-9-1 with RabbitMQ's extensions and
 * errata (exchange bindings, `basic.nack`, `confirm`, `connection.blocked`, `connection.update-secret`;
 * exchange.unbind-ok is 51). Names are the specification's, arguments in camelCase.
 */
export const METHODS = {
  'connection.start': {
    id: [10, 10],
    args: {
      versionMajor: 'octet',
      versionMinor: 'octet',
      serverProperties: 'table',
      mechanisms: 'longstr',
      locales: 'longstr',
    },
  },
  'connection.start-ok': {
    id: [10, 11],
    args: { clientProperties: 'table', mechanism: 'shortstr', response: 'longstr', locale: 'shortstr' },
  },
  'connection.secure': { id: [10, 20], args: { challenge: 'longstr' } },
  'connection.secure-ok': { id: [10, 21], args: { response: 'longstr' } },
  'connection.tune': { id: [10, 30], args: { channelMax: 'short', frameMax: 'long', heartbeat: 'short' } },
  'connection.tune-ok': { id: [10, 31], args: { channelMax: 'short', frameMax: 'long', heartbeat: 'short' } },
  'connection.open': {
    id: [10, 40],
    args: { virtualHost: 'shortstr', capabilities: '-shortstr', insist: '-bit' },
    replies: ['connection.open-ok'],
  },
  'connection.open-ok': { id: [10, 41], args: { knownHosts: '-shortstr' } },
  'connection.close': { id: [10, 50], args: CLOSE, replies: ['connection.close-ok'] },
  'connection.close-ok': { id: [10, 51], args: {} },
  'connection.blocked': { id: [10, 60], args: { reason: 'shortstr' } },
  'connection.unblocked': { id: [10, 61], args: {} },
  'connection.update-secret': {
    id: [10, 70],
    args: { newSecret: 'longstr', reason: 'shortstr' },
    replies: ['connection.update-secret-ok'],
  },
  'connection.update-secret-ok': { id: [10, 71], args: {} },

  'channel.open': { id: [20, 10], args: { outOfBand: '-shortstr' }, replies: ['channel.open-ok'] },
  'channel.open-ok': { id: [20, 11], args: { channelId: '-longstr' } },
  'channel.flow': { id: [20, 20], args: { active: 'bit' }, replies: ['channel.flow-ok'] },
  'channel.flow-ok': { id: [20, 21], args: { active: 'bit' } },
  'channel.close': { id: [20, 40], args: CLOSE, replies: ['channel.close-ok'] },
  'channel.close-ok': { id: [20, 41], args: {} },

  'access.request': {
    id: [30, 10],
    args: { realm: 'shortstr', exclusive: 'bit', passive: 'bit', active: 'bit', write: 'bit', read: 'bit' },
    replies: ['access.request-ok'],
  },
  'access.request-ok': { id: [30, 11], args: { ticket: 'short' } },

  'exchange.declare': {
    id: [40, 10],
    args: {
      ticket: '-short',
      exchange: 'shortstr',
      type: 'shortstr',
      passive: 'bit',
      durable: 'bit',
      autoDelete: 'bit',
      internal: 'bit',
      nowait: 'bit',
      arguments: 'table',
    },
    replies: ['exchange.declare-ok'],
  },
  'exchange.declare-ok': { id: [40, 11], args: {} },
  'exchange.delete': {
    id: [40, 20],
    args: { ticket: '-short', exchange: 'shortstr', ifUnused: 'bit', nowait: 'bit' },
    replies: ['exchange.delete-ok'],
  },
  'exchange.delete-ok': { id: [40, 21], args: {} },
  'exchange.bind': { id: [40, 30], args: EXCHANGE_BINDING, replies: ['exchange.bind-ok'] },
  'exchange.bind-ok': { id: [40, 31], args: {} },
  'exchange.unbind': { id: [40, 40], args: EXCHANGE_BINDING, replies: ['exchange.unbind-ok'] },
  'exchange.unbind-ok': { id: [40, 51], args: {} },

  'queue.declare': {
    id: [50, 10],
    args: {
      ticket: '-short',
      queue: 'shortstr',
      passive: 'bit',
      durable: 'bit',
      exclusive: 'bit',
      autoDelete: 'bit',
      nowait: 'bit',
      arguments: 'table',
    },
    replies: ['queue.declare-ok'],
  },
  'queue.declare-ok': { id: [50, 11], args: { queue: 'shortstr', messageCount: 'long', consumerCount: 'long' } },
  'queue.bind': {
    id: [50, 20],
    args: {
      ticket: '-short',
      queue: 'shortstr',
      exchange: 'shortstr',
      routingKey: 'shortstr',
      nowait: 'bit',
      arguments: 'table',
    },
    replies: ['queue.bind-ok'],
  },
  'queue.bind-ok': { id: [50, 21], args: {} },
  'queue.purge': {
    id: [50, 30],
    args: { ticket: '-short', queue: 'shortstr', nowait: 'bit' },
    replies: ['queue.purge-ok'],
  },
  'queue.purge-ok': { id: [50, 31], args: { messageCount: 'long' } },
  'queue.delete': {
    id: [50, 40],
    args: { ticket: '-short', queue: 'shortstr', ifUnused: 'bit', ifEmpty: 'bit', nowait: 'bit' },
    replies: ['queue.delete-ok'],
  },
  'queue.delete-ok': { id: [50, 41], args: { messageCount: 'long' } },
  'queue.unbind': {
    id: [50, 50],
    args: { ticket: '-short', queue: 'shortstr', exchange: 'shortstr', routingKey: 'shortstr', arguments: 'table' },
    replies: ['queue.unbind-ok'],
  },
  'queue.unbind-ok': { id: [50, 51], args: {} },

  'basic.qos': {
    id: [60, 10],
    args: { prefetchSize: 'long', prefetchCount: 'short', global: 'bit' },
    replies: ['basic.qos-ok'],
  },
  'basic.qos-ok': { id: [60, 11], args: {} },
  'basic.consume': {
    id: [60, 20],
    args: {
      ticket: '-short',
      queue: 'shortstr',
      consumerTag: 'shortstr',
      noLocal: 'bit',
      noAck: 'bit',
      exclusive: 'bit',
      nowait: 'bit',
      arguments: 'table',
    },
    replies: ['basic.consume-ok'],
  },
  'basic.consume-ok': { id: [60, 21], args: { consumerTag: 'shortstr' } },
  'basic.cancel': { id: [60, 30], args: { consumerTag: 'shortstr', nowait: 'bit' }, replies: ['basic.cancel-ok'] },
  'basic.cancel-ok': { id: [60, 31], args: { consumerTag: 'shortstr' } },
  'basic.publish': {
    id: [60, 40],
    args: { ticket: '-short', exchange: 'shortstr', routingKey: 'shortstr', mandatory: 'bit', immediate: 'bit' },
    content: true,
  },
  'basic.return': {
    id: [60, 50],
    args: { replyCode: 'short', replyText: 'shortstr', exchange: 'shortstr', routingKey: 'shortstr' },
    content: true,
  },
  'basic.deliver': {
    id: [60, 60],
    args: {
      consumerTag: 'shortstr',
      deliveryTag: 'longlong',
      redelivered: 'bit',
      exchange: 'shortstr',
      routingKey: 'shortstr',
    },
    content: true,
  },
  'basic.get': {
    id: [60, 70],
    args: { ticket: '-short', queue: 'shortstr', noAck: 'bit' },
    replies: ['basic.get-ok', 'basic.get-empty'],
  },
  'basic.get-ok': {
    id: [60, 71],
    args: {
      deliveryTag: 'longlong',
      redelivered: 'bit',
      exchange: 'shortstr',
      routingKey: 'shortstr',
      messageCount: 'long',
    },
    content: true,
  },
  'basic.get-empty': { id: [60, 72], args: { clusterId: '-shortstr' } },
  'basic.ack': { id: [60, 80], args: { deliveryTag: 'longlong', multiple: 'bit' } },
  'basic.reject': { id: [60, 90], args: { deliveryTag: 'longlong', requeue: 'bit' } },
  'basic.recover-async': { id: [60, 100], args: { requeue: 'bit' } },
  'basic.recover': { id: [60, 110], args: { requeue: 'bit' }, replies: ['basic.recover-ok'] },
  'basic.recover-ok': { id: [60, 111], args: {} },
  'basic.nack': { id: [60, 120], args: { deliveryTag: 'longlong', multiple: 'bit', requeue: 'bit' } },

  'confirm.select': { id: [85, 10], args: { nowait: 'bit' }, replies: ['confirm.select-ok'] },
  'confirm.select-ok': { id: [85, 11], args: {} },

  'tx.select': { id: [90, 10], args: {}, replies: ['tx.select-ok'] },
  'tx.select-ok': { id: [90, 11], args: {} },
  'tx.commit': { id: [90, 20], args: {}, replies: ['tx.commit-ok'] },
  'tx.commit-ok': { id: [90, 21], args: {} },
  'tx.rollback': { id: [90, 30], args: {}, replies: ['tx.rollback-ok'] },
  'tx.rollback-ok': { id: [90, 31], args: {} },
} as const satisfies Record<string, MethodSpec>

/** A method's name, e.g. `'queue.declare'`. */
export type MethodName = keyof typeof METHODS

interface Values {
  bit: boolean
  octet: number
  short: number
  long: number
  /** A safe integer. */
  longlong: number
  shortstr: string
  longstr: Uint8Array
  table: Headers
}

type Spec<M extends MethodName> = (typeof METHODS)[M]['args']

/** The arguments of a method, without the reserved ones. */
export type Args<M extends MethodName> = {
  readonly [A in keyof Spec<M> as Spec<M>[A] extends `-${string}` ? never : A]: Spec<M>[A] extends keyof Values
    ? Values[Spec<M>[A]]
    : never
}

/** The methods that are answered. */
export type CallName = {
  [M in MethodName]: (typeof METHODS)[M] extends { replies: readonly string[] } ? M : never
}[MethodName]

/** The methods that answer `M`. */
export type ReplyName<M extends CallName> = (typeof METHODS)[M]['replies'][number]

/** Class id in the upper, method id in the lower 16 bits: as the first four bytes of a method frame's payload. */
export function methodId(name: MethodName): number {
  const [classId, method] = METHODS[name].id
  return (classId << 16) | method
}
