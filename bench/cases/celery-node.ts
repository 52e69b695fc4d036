import { Redis } from 'ioredis'
import { hasService } from '../../scripts/services.mjs'
import { RedisNode } from '../../test/services/redis-node.ts'
import type { BenchCase, Figure } from '../case.ts'
import { cpuOf } from '../cpu.ts'
import { peerPath } from '../optional-peers.ts'
import { sideBySide, type Contender } from '../side-by-side.ts'
import { CpuMeter } from '../systems/cpu-meter.ts'
import { QueueUser } from '../systems/queue-user.ts'

/** What its figures do not pay for. */
const NOTE = 'takes tasks off the queue before they run, without a limit; tells no sender that a task was lost'

/** Lovage beside celery-node, the other Celery for Node: sending over Redis and emptying a queue, results in Redis too. */
const celeryNode: BenchCase = async ({ tiny }) => {
  const path = peerPath('celery-node')
  if (!path) return [{ what: 'Redis beside celery-node', leftOut: 'celery-node is not installed' }]
  if (!hasService('redis')) return [{ what: 'Redis beside celery-node', leftOut: 'no Redis on this machine' }]
  const redis = await RedisNode.start(['--appendfsync', 'everysec'])
  const asker = new Redis({ port: redis.port })
  const users: QueueUser[] = []
  const count = tiny ? 300 : 10_000
  try {
    const pid = Number(/process_id:(\d+)/.exec(await asker.info('server'))?.[1])
    const meter = new CpuMeter(() => [pid])
    type Users = Record<string, QueueUser>
    const start = async (systems: Record<string, readonly [peer: string, ...args: string[]]>): Promise<Users> => {
      const starting = Object.entries(systems).map(async ([name, [peer, ...args]]): Promise<[string, QueueUser]> => {
        const user = await QueueUser.start({ peer, args, serverCpu: () => cpuOf([pid]) })
        users.push(user)
        return [name, user]
      })
      return Object.fromEntries(await Promise.all(starting))
    }
    const measured = async (
      what: string,
      systems: Users,
      of: (user: QueueUser, name: string) => Promise<number>,
    ): Promise<Figure[]> => {
      meter.forget()
      const contenders: Record<string, Contender> = {}
      for (const [name, user] of Object.entries(systems)) contenders[name] = () => of(user, name)
      const figures = await sideBySide(what, tiny ? 1 : 5, contenders, { meter })
      return figures.map((figure) =>
        figure.contender === 'celery-node' && figure.unit === '/s' ? { ...figure, note: NOTE } : figure,
      )
    }
    const ignoring = ['lovage-user', redis.url(0)] as const
    const ours = ['lovage-user', redis.url(1), redis.url(1)] as const
    const theirs = ['celery-node-user', path, redis.url(2), redis.url(2)] as const
    const kept = { lovage: ours, 'celery-node': theirs } as const
    const senders = { 'results kept': kept, 'results ignored by Lovage': { ...kept, lovage: ignoring } }
    const sent: Figure[] = []
    for (const [how, peers] of Object.entries(senders)) {
      // New ones for each, so that none has been warmed longer than the other.
      const systems = await start(peers)
      const oneByOne = `celery-node: enqueue, ${how}, one by one`
      sent.push(...(await measured(oneByOne, systems, (user, name) => user.sends(tiny ? 50 : 1_000, 1, meter, name))))
      const many = `celery-node: enqueue, ${how}, 1,000 in flight`
      sent.push(...(await measured(many, systems, (user, name) => user.sends(count, 1_000, meter, name))))
      for (const user of users.splice(0)) await user.close()
    }
    return [
      ...sent,
      ...(await measured('celery-node: drain, no-op, results kept', await start(kept), async (user, name) => {
        // Sent by a process that is gone when they run: to one that is there, Lovage's results come unasked.
        const [peer, ...args] = kept[name as keyof typeof kept]
        const filler = await QueueUser.start({ peer, args })
        users.push(filler)
        await filler.fill(count)
        await filler.close()
        return user.drains(count, meter, name)
      })),
    ]
  } finally {
    for (const user of users) await user.close()
    asker.disconnect()
    await redis.remove()
  }
}
export default celeryNode
