import type { BenchCase } from '../case.ts'
import { byDepth } from '../growth/depth.ts'
import { byPayload } from '../growth/payload.ts'
import { FULL, LONG, TINY } from '../growth/size.ts'
import { byWorkers } from '../growth/workers.ts'
import { inEachPlace } from '../systems/places.ts'

/**
 * Whether it stays as fast when there is more: tasks that wait, workers that read one queue, bytes of an argument. Little and
 * much are measured by turns, round by round; tasks that wait are in a broker of their own for each depth.
 */
const growth: BenchCase = async ({ tiny, long, amqpUrl, part }) => {
  const size = tiny ? TINY : long ? LONG : FULL
  return inEachPlace('growth', { amqpUrl }, async (place) => [
    ...(await part(`growth, ${place.name}, payload`, () => byPayload(place, size))),
    ...(await part(`growth, ${place.name}, workers`, () => byWorkers(place, size))),
    ...(await part(`growth, ${place.name}, depth`, () => byDepth(place, size, tiny))),
  ])
}
export default growth
