import { LovageError } from '../../base/errors.ts'
import type { BrokerAdmin, QueueDepth, Visit } from '../broker.ts'
import type { Hands } from './hands.ts'
import { QUEUES } from './queue-scripts.ts'
import { RedisDelivery, type Settlement } from './redis-delivery.ts'
import type { RedisLink } from './redis-link.ts'
import { take } from './taking.ts'

export interface AdminHost {
  readonly hands: () => Hands
  /** Runs work on the connection, within the time limit. */
  readonly ask: <T>(work: (link: RedisLink) => Promise<T>) => Promise<T>
  /** Is no longer declared again. */
  readonly forgetQueue: (queue: string) => void
}

export function redisAdmin({ hands, ask, forgetQueue }: AdminHost): BrokerAdmin {
  const depth = async (queue: string): Promise<QueueDepth | undefined> => {
    const answer = (await ask((link) => link.run(QUEUES.depth, [queue]))) as [number, number, number] | null
    if (!answer) return undefined
    const [messages, consumers, delayed] = answer
    return { queue, messages, consumers, ...(delayed > 0 && { delayed }) }
  }
  return {
    depth,
    purge: async (queue) => {
      const count = await ask((link) => link.run(QUEUES.purge, [queue]))
      if (count === null) throw missing(queue)
      return Number(count)
    },
    visit: async (queue, limit, visit) => {
      if (!(await depth(queue))) throw missing(queue)
      return await visitAll(queue, limit, visit, hands(), ask)
    },
    deleteQueue: async (queue) => {
      forgetQueue(queue)
      await ask((link) => link.run(QUEUES.deleteQueue, [queue]))
    },
  }
}

async function visitAll(
  queue: string,
  limit: number,
  visit: Visit,
  hands: Hands,
  ask: AdminHost['ask'],
): Promise<number> {
  const host = {
    holds: ({ tag }: RedisDelivery): boolean => hands.has(tag),
    settle: ({ tag }: RedisDelivery, how: Settlement): boolean =>
      how === 'requeue' ? hands.giveBack(tag, true) : hands.ack(tag),
  }
  const tags: string[] = []
  try {
    while (tags.length < limit) {
      const { taken } = await ask((link) =>
        take((script, args) => link.run(script, args), hands, { queues: [queue], most: 1, noAck: false }),
      )
      const one = taken[0]
      if (!one) break
      tags.push(one.tag)
      hands.add({ tag: one.tag, queue, step: one.step, onLost: () => {} })
      if ((await visit(new RedisDelivery(one.envelope, queue, one.tag, host))) === false) break
    }
  } finally {
    for (const tag of tags) hands.giveBack(tag, false)
    await hands.flush()
  }
  return tags.length
}

function missing(queue: string): LovageError {
  return new LovageError('TOPOLOGY_MISSING', { entity: `queue ${queue}` })
}
