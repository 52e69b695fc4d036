import type { BenchCase, Row } from '../case.ts'
import { type Party, partiesOf } from '../profile/take.ts'
import { STAGES } from '../profile/stages.ts'
import { embeddedPlace, memoryPlace, type Place, rabbitmqPlace, redisPlace } from '../systems/places.ts'

/**
 * Where the CPU time of a task goes, from its sending to its result: 64 calls in flight, tasks that do nothing, results
 * awaited. Totals are CPU time without a profiler, split by the shares of a profile that is taken after. What is the
 * kernel's is told by the kernel; the rest is split in RabbitMQ by reductions, Erlang's measure of work, and in Redis by its
 * own clock. An embedded broker is in a process of its own here, and in memory all is one process. One broker alone is
 * `npm run profile -- --only Redis`.
 */
const profile: BenchCase = async ({ tiny, amqpUrl, isWanted }) => {
  const effort = tiny
    ? { window: 64, calls: 200, rounds: 1, watchMs: 200 }
    : { window: 64, calls: 10_000, rounds: 5, watchMs: 3_000 }
  const places: Readonly<Record<Place['name'], () => Promise<Place | string>>> = {
    RabbitMQ: () => rabbitmqPlace(amqpUrl),
    Redis: redisPlace,
    embedded: embeddedPlace,
    memory: memoryPlace,
  }
  const rows: Row[] = []
  for (const [name, open] of Object.entries(places)) {
    if (!isWanted(name)) continue
    const place = await open()
    if (typeof place === 'string') {
      rows.push({ what: name, leftOut: `no ${place} on this machine` })
      continue
    }
    try {
      rows.push(...rowsOf(name, await partiesOf(place, effort)))
    } finally {
      await place.close()
    }
  }
  return rows
}
export default profile

/** In which bars stand below each other. */
const ORDER: readonly Party['name'][] = ['caller', 'worker', 'caller and worker', 'server']

/** In the order of the stages; of one stage, as tasks pass the processes, the larger first. */
function rowsOf(broker: string, parties: readonly Party[]): Row[] {
  const ordered = parties.toSorted((a, b) => ORDER.indexOf(a.name) - ORDER.indexOf(b.name))
  const pieces = ordered.flatMap(({ name, parts }) =>
    parts.toSorted((a, b) => b.micros - a.micros).map((part) => ({ name, ...part })),
  )
  return pieces
    .toSorted((a, b) => STAGES.indexOf(a.stage) - STAGES.indexOf(b.stage))
    .map(({ name, stage, detail = stage, micros }) => ({
      what: `${broker}, ${name}: ${detail}`,
      value: micros,
      unit: 'µs',
      stack: { group: broker, bar: name, part: stage, detail },
    }))
}
