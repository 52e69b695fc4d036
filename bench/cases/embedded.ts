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
  'graphile-worker adds by the thousand in one statement. Lovage adds 1,000 calls that each wait for their own confirmation, with an fsync for each group of them: 9 µs in the caller, and 6 to 9 in the engine’s thread beside it.'

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
  /** Resolves when each has said `what`. */
  const said = (what: string): Promise<unknown> =>
    Promise.all(
      children.map(
        (child) =>
          new Promise<void>((resolve) => {
            const listen = (message: object): void => {
              if (!(what in message)) return
              child.off('message', listen)
              resolve()
            }
            child.on('message', listen)
          }),
      ),
    )
  const tell = (message: (index: number) => object): void => {
    for (const [index, child] of children.entries()) child.send(message(index))
  }
  /** Runs what is there, and rests when so many have run. */
  const drain = async (count: number): Promise<number> => {
    let left = count
    let first = Infinity
    let last = 0
    await new Promise<void>((resolve) => {
      for (const child of children) {
        child.on('message', ({ ran = 0, from = Infinity, to = 0 }: { ran?: number; from?: number; to?: number }) => {
          first = Math.min(first, from)
          last = Math.max(last, to)
          left -= ran
          if (left <= 0) resolve()
        })
      }
      tell(() => ({ work: true }))
    })
    for (const child of children) child.removeAllListeners('message')
    const resting = said('rests')
    tell(() => ({ rest: true }))
    await resting
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
      // What was confirmed is there, and no more: it ends only when so many have run.
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
