import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chord, group, lovage } from 'lovage'
import { worker } from 'lovage/worker'
import { hasService } from '../../scripts/services.mjs'
import { RedisNode } from '../../test/services/redis-node.ts'
import type { BenchCase, Figure } from '../case.ts'

/** Messages on their way at a time when tasks are sent one by one, as many as canvases have. */
const IN_FLIGHT = 200

/** A group of 10,000, and a chord over 10,000, beside as many single tasks: what a member costs, and how much memory. */
const canvas: BenchCase = async ({ tiny, amqpUrl, isWanted }) => {
  const size = tiny ? 50 : 10_000
  const rounds = tiny ? 1 : 5
  const redis = hasService('redis') ? await RedisNode.start() : undefined
  const folder = mkdtempSync(join(tmpdir(), 'lovage-bench-'))
  const embedded = `embedded://${folder}`
  const places: Record<string, { broker: string; backend: string } | undefined> = {
    embedded: { broker: embedded, backend: embedded },
    redis: redis && { broker: redis.url(0), backend: redis.url(1) },
    'rabbitmq and redis': redis && amqpUrl ? { broker: amqpUrl, backend: redis.url(2) } : undefined,
  }
  const figures: (Figure | { what: string; leftOut: string })[] = []
  try {
    for (const [name, place] of Object.entries(places)) {
      if (!isWanted(name)) continue
      if (place) figures.push(...(await measured(name, place, size, rounds)))
      else figures.push({ what: name, leftOut: 'its server is not on this machine' })
    }
  } finally {
    await redis?.remove()
    rmSync(folder, { recursive: true, force: true })
  }
  return figures
}
export default canvas

async function measured(
  name: string,
  place: { broker: string; backend: string },
  size: number,
  rounds: number,
): Promise<Figure[]> {
  const app = lovage('bench', { ...place, defaultQueue: `bench-${randomUUID()}`, publishTimeout: '60s' })
  const add = app.task('add', (x: number, y: number) => x + y)
  const total = app.task('total', (xs: readonly number[]) => xs.length)
  const running = worker(app, { concurrency: 100 })
  await running.start()
  const members = Array.from({ length: size }, (_, at) => add.s(at, 1))
  const patience = { timeout: '10m' } as const
  const runs = {
    single: async () => {
      const waits: Promise<unknown>[] = []
      for (let at = 0; at < size; at += IN_FLIGHT) {
        const some = Array.from({ length: Math.min(IN_FLIGHT, size - at) }, (_, nth) => add.delay(at + nth, 1))
        for (const sent of await Promise.all(some)) waits.push(sent.get(patience))
      }
      await Promise.all(waits)
    },
    group: async () => void (await (await group(members).delay()).get(patience)),
    chord: async () => {
      const count = await (await chord(members, total.s()).delay()).get(patience)
      if (count !== size) throw new Error(`the body had ${count} members`)
    },
  }
  const took: Record<keyof typeof runs, number[]> = { single: [], group: [], chord: [] }
  let mostBytes = 0
  try {
    // By turns, so that what else the machine does hurts all alike. The first is for the warmth.
    for (let round = 0; round <= rounds; round++) {
      for (const [what, run] of Object.entries(runs) as [keyof typeof runs, () => Promise<void>][]) {
        const from = performance.now()
        await run()
        if (round > 0) took[what].push(performance.now() - from)
        mostBytes = Math.max(mostBytes, process.memoryUsage().rss)
      }
    }
  } finally {
    await running.stop()
    await app.close()
  }
  const single = median(took.single)
  const ratio = (what: 'group' | 'chord'): Figure => ({
    what: `${name}: a member of a ${what} of ${size}, beside a single task`,
    value: median(took[what]) / single,
    unit: 'x',
  })
  return [
    { what: `${name}: single tasks with results`, value: (size / single) * 1_000, unit: '/s' },
    ratio('group'),
    ratio('chord'),
    { what: `${name}: most memory of the process`, value: mostBytes / 2 ** 20, unit: 'MiB' },
  ]
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}
