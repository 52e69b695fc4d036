import type { ChildProcess } from 'node:child_process'
import { removeFolder, temporaryFolder } from '../../test/services/reaper.ts'
import { RedisNode } from '../../test/services/redis-node.ts'
import { hasService } from '../../scripts/services.mjs'
import type { BenchCase, Figure, LeftOut } from '../case.ts'
import { optionalPeer } from '../optional-peers.ts'
import { openBullmq } from '../peers/bullmq.mjs'
import { openGraphile } from '../peers/graphile.mjs'
import { findPostgres, PostgresNode } from '../postgres-node.ts'
import { sideBySide, startPeer, stopPeer, type Contender } from '../side-by-side.ts'

/** From profiles: see docs/performance.md. */
const WHY =
  'graphile-worker adds by the thousand in one statement. Lovage adds 1,000 calls that each wait for their own confirmation, with an fsync for each group of them.'

/** Something that takes jobs and runs them. */
interface System {
  send(count: number): Promise<unknown>
  /** Milliseconds from the first job to the last. */
  drain(count: number): Promise<number>
  purge(): Promise<unknown>
  close(): Promise<unknown>
}

/** The durable broker of one machine, fsync on, in one process and shared by three, beside queues that need a server. */
const embedded: BenchCase = async ({ tiny }) => {
  const count = tiny ? 300 : 10_000
  const systems: Record<string, System> = {}
  const rows: (Figure | LeftOut)[] = []
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
    const aims = { 'graphile-worker on PostgreSQL': { atLeast: 1, why: WHY } }
    const each = (measure: (system: System) => Promise<number>): Record<string, Contender> =>
      Object.fromEntries(Object.entries(systems).map(([name, system]) => [name, () => measure(system)]))
    const sent = each(async (system) => {
      const from = performance.now()
      await system.send(count)
      const reached = (count / (performance.now() - from)) * 1_000
      await system.purge()
      return reached
    })
    rows.push(...(await sideBySide('embedded: enqueue, durable', tiny ? 1 : 5, sent, { aims })))
    const drained = each(async (system) => {
      await system.send(count)
      return (count / (await system.drain(count))) * 1_000
    })
    rows.push(...(await sideBySide('embedded: drain, durable, no-op', tiny ? 1 : 5, drained, { aims })))
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
  const system: System = {
    async send(count) {
      const sending = said('sent')
      const share = Math.floor(count / processes)
      tell((index) => ({ send: index === 0 ? count - share * (processes - 1) : share }))
      await sending
      waiting += count
    },
    drain(count) {
      waiting -= count
      return drain(count)
    },
    purge: () => system.drain(waiting),
    async close() {
      for (const child of children) await stopPeer(child)
      removeFolder(home)
    },
  }
  let waiting = 0
  return system
}

async function bullmq(): Promise<System | string> {
  const package_ = await optionalPeer('bullmq')
  if (!package_) return 'bullmq is not installed'
  if (!hasService('redis')) return 'no Redis on this machine'
  const node = await RedisNode.start()
  const system: System = await openBullmq(package_, node.port)
  return { ...system, close: () => system.close().then(() => node.remove()) }
}

async function graphile(): Promise<System | string> {
  const package_ = await optionalPeer('graphile-worker')
  if (!package_) return 'graphile-worker is not installed'
  const bin = findPostgres()
  if (!bin) return 'no PostgreSQL on this machine'
  const node = await PostgresNode.start(bin)
  const system: System = await openGraphile(package_, node.url)
  return { ...system, close: () => system.close().then(() => node.remove()) }
}
