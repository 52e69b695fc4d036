import type { BenchCase } from '../case.ts'
import { gateways, tornado } from '../memory/requests.ts'
import { FULL, TINY } from '../memory/size.ts'
import { waitingTasks } from '../memory/waiting.ts'
import { sleepers, workers } from '../memory/workers.ts'
import { inEachPlace } from '../systems/places.ts'

/**
 * What processes hold of the machine's memory: workers that have nothing to do and that have much, by turns, a broker for
 * each task that waits, a worker for each that sleeps, a gateway for each request that waits.
 */
const memory: BenchCase = async ({ tiny, amqpUrl, part }) => {
  if (!amqpUrl) return [{ what: 'memory', leftOut: 'no RabbitMQ on this machine' }]
  const size = tiny ? TINY : FULL
  return [
    ...(await part('memory, worker', () => workers(amqpUrl, size))),
    ...(await part('memory, worker, sleeping', () => sleepers(amqpUrl, size))),
    ...(await inEachPlace('memory, waiting task', { amqpUrl }, (place) =>
      part(`memory, waiting task, ${place.name}`, () => waitingTasks(place, size, tiny)),
    )),
    ...(await part('memory, gateway', () => gateways(amqpUrl, size))),
    // A trial of Tornado is in the case of its own.
    ...(tiny ? [] : await part('memory, gateway, Tornado', () => tornado(amqpUrl, size))),
  ]
}
export default memory
