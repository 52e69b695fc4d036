// The tasks of a worker that is started by its command, `lovage worker -A`: the broker is that of LOVAGE_BROKER_URL. Told
// { await: n } it tells { done: true } when n tasks have run since.
import { lovage } from 'lovage'

export const app = lovage('bench', { defaultQueue: 'weighed', publishTimeout: '30s' })

let left = 0
app.task('bench.add', { ignoreResult: true }, (/** @type {number} */ x, /** @type {number} */ y) => {
  if (--left === 0) process.send?.({ done: true })
  return x + y
})
app.on('workerReady', () => void process.send?.('ready'))
process.on('message', (/** @type {{ await: number }} */ message) => void (left = message.await))
process.on('disconnect', () => process.exit(0))
