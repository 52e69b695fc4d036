import type { ChildProcess } from 'node:child_process'
import { removeFolder, temporaryFolder } from '../../test/services/reaper.ts'
import { RedisNode } from '../../test/services/redis-node.ts'
import { hasService } from '../../scripts/services.mjs'
import type { BenchCase, Figure, LeftOut } from '../case.ts'
import { cpuOf } from '../cpu.ts'
import { peerPath } from '../optional-peers.ts'
import { findPostgres, PostgresNode } from '../postgres-node.ts'
import { sideBySide, startPeer, stopPeer, type Contender } from '../side-by-side.ts'
import { CpuMeter } from '../systems/cpu-meter.ts'
import { listenersOn } from '../systems/listeners.ts'
import { QueueUser } from '../systems/queue-user.ts'

/** From profiles: see docs/performance.md. */
const WHY =
  'graphile-worker adds by the thousand in one statement. Lovage adds 1,000 calls that each wait for their own confirmation, with an fsync for each group of them; caller and engine, a thread beside it, share two cores.'

/** Something that takes jobs and runs them, measured under a name. */
type System = Pick<QueueUser, 'sends' | 'fill' | 'drains' | 'close'>

/**
 * The durable broker of one machine, fsync on, in one process and shared by three, beside queues that need a server, each with
 * a process that sends and runs. Lovage's calls are each confirmed, 1,000 in flight; BullMQ adds in bulk of 500,
 * graphile-worker 1,000 in a statement.
 */
const embedded: BenchCase = async ({ tiny }) => {
  const count = tiny ? 300 : 10_000
  const systems: Record<string, System> = {}
  const rows: (Figure | LeftOut)[] = []
  const meter = new CpuMeter()
  try {
    systems['lovage'] = await users(1)
    systems['lovage, three processes'] = await users(3)
    for (const [name, open] of [
      ['BullMQ on Redis', bullmq],
      ['graphile-worker on PostgreSQL', graphile],
    ] as const) {
      const peer = await open()
      if (typeof peer === 'string') rows.push({ what: `embedded beside ${name}`, leftOut: peer })
      else systems[name] = peer
    }
    const each = (measure: (system: System, name: string) => Promise<number>): Record<string, Contender> =>
      Object.fromEntries(Object.entries(systems).map(([name, system]) => [name, () => measure(system, name)]))
    const beside = { 'graphile-worker on PostgreSQL': { atLeast: 1, why: WHY } }
    const aims = { ...beside, lovage: { atLeast: 40_000, why: WHY } }
    const rounds = tiny ? 1 : 7
    const sent = each((system, name) =>
      system.sends(count, name.startsWith('BullMQ') ? 500 : 1_000, meter, name, 'bulk'),
    )
    rows.push(...(await sideBySide('embedded: enqueue, durable', rounds, sent, { aims, meter })))
    meter.forget()
    const drained = each(async (system, name) => {
      await system.fill(count)
      return system.drains(count, meter, name)
    })
    rows.push(...(await sideBySide('embedded: drain, durable, no-op', rounds, drained, { aims: beside, meter })))
    return rows
  } finally {
    for (const system of Object.values(systems)) await system.close()
  }
}
export default embedded

/** So many processes on one data directory, the first its owner; what they send and run is shared among them. */
async function users(processes: number): Promise<System> {
  const home = temporaryFolder('embedded')
  const children: ChildProcess[] = []
  for (let i = 0; i < processes; i++) {
    const { child } = await startPeer('embedded-user', `embedded://${home}`)
    child.once('exit', (code) => {
      if (code) throw new Error(`a user of the embedded broker ended with code ${code}`)
    })
    children.push(child)
  }
  /** Resolves when each of them has said `what`. */
  const said = (what: string, of = children): Promise<unknown[]> =>
    Promise.all(
      of.map(
        (child) =>
          new Promise((resolve) => {
            const listen = (message: Record<string, unknown>): void => {
              if (!(what in message)) return
              child.off('message', listen)
              resolve(message[what])
            }
            child.on('message', listen)
          }),
      ),
    )
  const tell = (message: (index: number) => object): void => {
    for (const [index, child] of children.entries()) child.send(message(index))
  }
  /** Runs what is there, which must be exactly so many; gives ms from the first to the last that is settled. */
  const drain = async (count: number): Promise<number> => {
    let settled = 0
    let first = Infinity
    let last = 0
    await new Promise<void>((resolve) => {
      for (const child of children) {
        child.on('message', (told: { settled?: number; from?: number; to?: number }) => {
          if (told.settled === undefined) return
          first = Math.min(first, told.from ?? Infinity)
          last = Math.max(last, told.to ?? 0)
          settled += told.settled
          if (settled >= count) resolve()
        })
      }
      tell(() => ({ work: true }))
    })
    const resting = said('rests')
    tell(() => ({ rest: true }))
    await resting
    for (const child of children) child.removeAllListeners('message')
    const [owner] = children as [ChildProcess]
    const purging = said('purged', [owner])
    owner.send({ purge: true })
    const [left] = await purging
    if (settled !== count || left !== 0) throw new Error(`of ${count} tasks ${settled} were settled, ${left} are left`)
    return last - first
  }
  const send = async (count: number): Promise<void> => {
    const sending = said('sent')
    const share = Math.floor(count / processes)
    tell((index) => ({ send: index === 0 ? count - share * (processes - 1) : share }))
    await sending
  }
  const pids = (): number[] => children.map(({ pid }) => pid as number)
  return {
    async sends(count, _, meter, name) {
      const reached = await meter.measure(name, count, pids, async () => {
        const from = performance.now()
        await send(count)
        return (count / (performance.now() - from)) * 1_000
      })
      // What was confirmed is there, and no more.
      await drain(count)
      return reached
    },
    fill: send,
    drains: (count, meter, name) =>
      meter.measure(name, count, pids, async () => (count / (await drain(count))) * 1_000),
    async close() {
      for (const child of children) await stopPeer(child)
      removeFolder(home)
    },
  }
}

async function bullmq(): Promise<System | string> {
  const path = peerPath('bullmq')
  if (!path) return 'bullmq is not installed'
  if (!hasService('redis')) return 'no Redis on this machine'
  const node = await RedisNode.start()
  const server = listenersOn(node.port)
  return QueueUser.start({
    peer: 'bullmq-user',
    args: [path, String(node.port)],
    serverCpu: () => cpuOf(server),
    close: () => node.remove(),
  })
}

async function graphile(): Promise<System | string> {
  const path = peerPath('graphile-worker')
  if (!path) return 'graphile-worker is not installed'
  const bin = findPostgres()
  if (!bin) return 'no PostgreSQL on this machine'
  const node = await PostgresNode.start(bin)
  return QueueUser.start({
    peer: 'graphile-user',
    args: [path, node.url],
    serverCpu: () => node.cpu(),
    close: () => node.remove(),
  })
}
