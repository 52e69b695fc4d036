import { removeFolder, temporaryFolder } from '../../test/services/reaper.ts'
import type { BenchCase, Figure } from '../case.ts'
import { peerPath } from '../optional-peers.ts'
import { findPostgres, PostgresNode } from '../postgres-node.ts'
import { sideBySide, type Contender } from '../side-by-side.ts'
import { CpuMeter } from '../systems/cpu-meter.ts'
import { QueueUser } from '../systems/queue-user.ts'

/** The oldest Node that pg-boss runs on. */
const LEAST_NODE = [22, 12] as const

/** Lovage's broker without a server beside pg-boss on PostgreSQL, each with an fsync for what it has confirmed. */
const pgBoss: BenchCase = async ({ tiny }) => {
  const [path, node, bin] = [peerPath('pg-boss'), newNode(), findPostgres()]
  const leftOut = !path
    ? 'pg-boss is not installed'
    : !node
      ? `pg-boss needs Node ${LEAST_NODE.join('.')}, and none is installed`
      : 'no PostgreSQL on this machine'
  if (!path || !node || !bin) return [{ what: 'embedded beside pg-boss', leftOut }]
  const users: QueueUser[] = []
  const count = tiny ? 400 : 5_000
  try {
    const home = temporaryFolder('pg-boss')
    const ours = await QueueUser.start({
      peer: 'lovage-user',
      args: [`embedded://${home}`],
      close: async () => removeFolder(home),
    })
    users.push(ours)
    const postgres = await PostgresNode.start(bin)
    const serverCpu = (): number => postgres.cpu()
    const close = (): Promise<void> => postgres.remove()
    const theirs = await QueueUser.start({ peer: 'pg-boss-user', args: [path, postgres.url], node, serverCpu, close })
    users.push(theirs)
    const meter = new CpuMeter()
    const measured = (what: string, contenders: Record<string, Contender>): Promise<Figure[]> => {
      meter.forget()
      return sideBySide(what, tiny ? 1 : 5, contenders, { meter })
    }
    const sends = (count: number, window: number): Record<string, Contender> => ({
      lovage: () => ours.sends(count, window, meter, 'lovage'),
      'pg-boss': () => theirs.sends(count, window, meter, 'pg-boss'),
    })
    const drains =
      (user: QueueUser, name: string, how?: string): Contender =>
      async () => {
        await user.fill(count)
        return user.drains(count, meter, name, how)
      }
    return [
      ...(await measured('pg-boss: enqueue, durable, one by one', sends(tiny ? 50 : 500, 1))),
      ...(await measured('pg-boss: enqueue, durable, 1,000 at a time', sends(tiny ? 400 : 10_000, 1_000))),
      ...(await measured('pg-boss: drain, durable, no-op', {
        lovage: drains(ours, 'lovage'),
        'pg-boss': drains(theirs, 'pg-boss'),
        'pg-boss, fetched by hand': drains(theirs, 'pg-boss, fetched by hand', 'by hand'),
      })),
    ]
  } finally {
    for (const user of users) await user.close()
  }
}
export default pgBoss

/** A Node that pg-boss runs on: this one, or the one that was brought with it. */
function newNode(): string | undefined {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const isNew = major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1])
  return isNew ? process.execPath : peerPath(`node-${process.platform}-${process.arch}/bin/node`)
}
