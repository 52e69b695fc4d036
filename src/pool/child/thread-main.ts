import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../base/clock.ts'
import { WatchedLoop } from '../watched-loop.ts'
import type { ThreadData } from './carrier.ts'
import { Inside } from './inside.ts'
import type { Order } from './messages.ts'

const inside = new Inside({
  clock: systemClock,
  post: (reports, sent) => {
    parentPort?.postMessage(reports)
    sent?.()
  },
  exit: (code) => process.exit(code),
  // Its pool looks, from the main thread.
  loop: () => new WatchedLoop((workerData as ThreadData).buffer),
})
parentPort?.on('message', (orders) => inside.take(orders as readonly Order[]))
