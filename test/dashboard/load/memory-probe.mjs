// Loaded into a process before all else: on SIGUSR2 it collects its garbage, and prints what is still held then.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
/** @type {() => void} */
const collect = runInNewContext('gc')

process.on('SIGUSR2', () => {
  const { rss } = process.memoryUsage()
  // What is freed by the first may let go of more.
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  process.stdout.write(`memory ${JSON.stringify({ rss, heldBytes: heapUsed + external })}\n`)
})
