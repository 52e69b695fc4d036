import { parentPort } from 'node:worker_threads'
import { systemClock } from '../../base/clock.ts'
import { Inside } from './inside.ts'
import type { Order } from './messages.ts'

const inside = new Inside({
  clock: systemClock,
  post: (reports, sent) => {
    parentPort?.postMessage(reports)
    sent?.()
  },
  exit: (code) => process.exit(code),
})
parentPort?.on('message', (orders) => inside.take(orders as readonly Order[]))
