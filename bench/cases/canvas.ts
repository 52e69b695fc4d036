import { randomUUID } from 'node:crypto'
import { chord, group, lovage } from 'lovage'
import { worker } from 'lovage/worker'
import type { BenchCase, Figure } from '../case.ts'
import { median, quartiles } from '../side-by-side.ts'
import { CpuMeter } from '../systems/cpu-meter.ts'
import { embeddedPlace, rabbitmqPlace, redisPlace } from '../systems/places.ts'

/** Messages on their way at a time when tasks are sent one by one, as many as canvases have. */
const IN_FLIGHT = 200

/** From profiles: see docs/performance.md. */
const WHY =
  'A member of a group is a task with its result, and its place in the group beside them; one of a chord is counted as well, each once, in the store that all workers share.'

/** Where tasks wait, and results; the server is the broker's and the results' together. */
interface Place {
  readonly broker: string
  readonly backend: string
  readonly server: readonly number[]
}

/**
 * A group of 10,000, and a chord over 10,000, beside as many single tasks: what a member costs. All of it in one process that
 * sends, runs and reads, whose memory is told at its most; CPU is its own, and that of the servers that it uses.
 */
const canvas: BenchCase = async ({ tiny, amqpUrl, isWanted }) => {
  const size = tiny ? 50 : 10_000
  const rounds = tiny ? 1 : 5
  const [disk, ...servers] = [await embeddedPlace(), await redisPlace(), await rabbitmqPlace(amqpUrl)]
  const [redis, rabbitmq] = servers.map((place) => (typeof place === 'string' ? undefined : place))
  const places: Record<string, Place | undefined> = {
    embedded: { broker: disk.url, backend: disk.url, server: [] },
    redis: redis && { broker: redis.url, backend: databaseOf(redis.url, 1), server: redis.server },
    'rabbitmq and redis':
      redis && rabbitmq
        ? { broker: rabbitmq.url, backend: databaseOf(redis.url, 2), server: [...rabbitmq.server, ...redis.server] }
        : undefined,
  }
  const figures: (Figure | { what: string; leftOut: string })[] = []
  try {
    for (const [name, place] of Object.entries(places)) {
      if (!isWanted(name)) continue
      if (place) figures.push(...(await measured(name, place, size, rounds)))
      else figures.push({ what: name, leftOut: 'its server is not on this machine' })
    }
  } finally {
    await redis?.close()
    await disk.close()
  }
  return figures
}
export default canvas

async function measured(name: string, place: Place, size: number, rounds: number): Promise<Figure[]> {
  const { broker, backend, server } = place
  const app = lovage('bench', { broker, backend, defaultQueue: `bench-${randomUUID()}`, publishTimeout: '60s' })
  const add = app.task('add', (x: number, y: number) => x + y)
  const total = app.task('total', (xs: readonly number[]) => xs.length)
  const running = worker(app, { concurrency: 100 })
  await running.start()
  const members = Array.from({ length: size }, (_, at) => add.s(at, 1))
  const patience = { timeout: '10m' } as const
  const runs = {
    single: async () => {
      const waits: Promise<number>[] = []
      for (let at = 0; at < size; at += IN_FLIGHT) {
        const some = Array.from({ length: Math.min(IN_FLIGHT, size - at) }, (_, nth) => add.delay(at + nth, 1))
        for (const sent of await Promise.all(some)) waits.push(sent.get(patience))
      }
      checkSums(await Promise.all(waits))
    },
    group: async () => checkSums(await (await group(members).delay()).get(patience)),
    chord: async () => {
      const count = await (await chord(members, total.s()).delay()).get(patience)
      if (count !== size) throw new Error(`the body had ${count} members`)
    },
  }
  const took: Record<keyof typeof runs, number[]> = { single: [], group: [], chord: [] }
  const meter = new CpuMeter(() => server)
  let mostBytes = 0
  try {
    // By turns, so that what else the machine does hurts all alike. The first is for the warmth.
    for (let round = 0; round <= rounds; round++) {
      for (const [what, run] of Object.entries(runs) as [keyof typeof runs, () => Promise<void>][]) {
        const from = performance.now()
        await meter.measure(what, size, () => [process.pid], run)
        if (round > 0) took[what].push(performance.now() - from)
        mostBytes = Math.max(mostBytes, process.memoryUsage().rss)
      }
      if (round === 0) meter.forget()
    }
  } finally {
    await running.stop()
    await app.close()
  }
  const table = `canvas, ${name}, ${size.toLocaleString('en-US')} at a time`
  const beside = (what: 'group' | 'chord'): Figure => {
    const costs = took[what].map((ms, round) => ms / (took.single[round] as number))
    return {
      what: `${table}, time for a member of a ${what}, of a single task`,
      value: median(costs),
      unit: 'x',
      spread: quartiles(costs),
      group: table,
      contender: 'single task',
      aim: { atMost: 1.5, why: WHY },
    }
  }
  const rateOf = (what: keyof typeof runs, label: string): Figure => {
    const rates = took[what].map((ms) => (size / ms) * 1_000)
    const most = { memoryMiB: mostBytes / 2 ** 20 }
    const figure = { value: median(rates), unit: '/s', spread: quartiles(rates), group: table, contender: label }
    return { what: `${table}, ${label}`, ...figure, ...meter.of(what), ...(what === 'single' && most) }
  }
  return [
    rateOf('single', 'single tasks with results'),
    rateOf('group', 'members of a group'),
    rateOf('chord', 'members of a chord'),
    beside('group'),
    beside('chord'),
  ]
}

/** Each is one more than its place. */
function checkSums(sums: readonly number[]): void {
  const wrong = sums.findIndex((sum, at) => sum !== at + 1)
  if (wrong >= 0) throw new Error(`${wrong} and 1 came to ${sums[wrong]}`)
}

/** The same server, another database of it. */
function databaseOf(url: string, database: number): string {
  return Object.assign(new URL(url), { pathname: `/${database}` }).href
}
