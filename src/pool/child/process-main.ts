import { systemClock } from '../../base/clock.ts'
import { StallWatch } from '../stall-watch.ts'
import { Inside } from './inside.ts'
import type { Order } from './messages.ts'
import { watchParent } from './watch-parent.ts'

// Terminals and service managers signal all processes at once; what it means to us the worker says.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

const inside = new Inside({
  clock: systemClock,
  post: (reports, sent) => {
    if (!process.connected || !process.send) return sent?.()
    process.send(reports, undefined, {}, () => sent?.())
  },
  exit: (code) => process.exit(code),
  loop: (thresholdMs) => new StallWatch({ thresholdMs, isForParent: true }).prepare(),
})
watchParent()
process.on('message', (orders) => inside.take(orders as readonly Order[]))
// The worker is gone. What runs here has nobody to tell of it.
process.on('disconnect', () => process.kill(-process.pid, 'SIGKILL'))
