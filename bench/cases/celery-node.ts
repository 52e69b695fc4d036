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
  const users: Record<string, QueueUser> = {}
  const count = tiny ? 300 : 10_000
  const rounds = tiny ? 1 : 5
  try {
    const pid = Number(/process_id:(\d+)/.exec(await asker.info('server'))?.[1])
    const serverCpu = (): number => cpuOf([pid])
    const [ours, theirs] = [redis.url(0), redis.url(1)]
    users['lovage'] = await QueueUser.start({ peer: 'lovage-user', args: [ours, ours], serverCpu })
    users['celery-node'] = await QueueUser.start({ peer: 'celery-node-user', args: [path, theirs, theirs], serverCpu })
    const meter = new CpuMeter(() => [pid])
    const measured = async (
      what: string,
      of: (user: QueueUser, name: string) => Promise<number>,
    ): Promise<Figure[]> => {
      meter.forget()
      const contenders = Object.entries(users).map(([name, user]): [string, Contender] => [name, () => of(user, name)])
      const figures = await sideBySide(what, rounds, Object.fromEntries(contenders), { meter })
      return figures.map((figure) =>
        figure.contender === 'celery-node' && figure.unit === '/s' ? { ...figure, note: NOTE } : figure,
      )
    }
    return [
      ...(await measured('celery-node: enqueue, one by one', (user, name) =>
        user.sends(tiny ? 50 : 1_000, 1, meter, name),
      )),
      ...(await measured('celery-node: enqueue, 1,000 in flight', (user, name) =>
        user.sends(count, 1_000, meter, name),
      )),
      ...(await measured('celery-node: drain, no-op, with results', (user, name) => user.drains(count, meter, name))),
    ]
  } finally {
    for (const user of Object.values(users)) await user.close()
    asker.disconnect()
    await redis.remove()
  }
}
export default celeryNode
