// The tasks of a worker that is started by its command, `lovage worker -A`: the broker is that of LOVAGE_BROKER_URL. Told
// { await: n } it tells { done: true } when n tasks have run since its start: some may before it is told.
import { lovage } from 'lovage'

export const app = lovage('bench', { defaultQueue: 'weighed', publishTimeout: '30s' })

let ran = 0
let wanted = Infinity
const look = () => {
  if (ran < wanted) return
  wanted = Infinity
  process.send?.({ done: true })
}
app.task('bench.add', { ignoreResult: true }, (/** @type {number} */ x, /** @type {number} */ y) => {
  ran++
  look()
  return x + y
})
app.on('workerReady', () => void process.send?.('ready'))
process.on('message', (/** @type {{ await: number }} */ message) => {
  wanted = message.await
  look()
})
process.on('disconnect', () => process.exit(0))
