/** Tasks that wait for each other, share what a child has opened, and fail after they have waited. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { lovage } from '../../src/index.ts'

export const app = lovage('coroutines', { broker: 'memory://coroutines' }, { env: {} })

/** One for each event loop that loads this module. */
const loop = randomUUID()

let connection: { readonly id: string } | undefined
let opened = 0
app.on('childInit', async () => {
  await sleep(1)
  opened++
  connection = { id: randomUUID() }
})

/** Who waits for the others. */
let waiting: ((all: number) => void)[] = []

/** Comes back when so many of its kind are here at the same time. */
app.task('meet', async (count: number) => {
  const met = new Promise<number>((resolve) => waiting.push(resolve))
  if (waiting.length === count) {
    for (const resolve of waiting) resolve(count)
    waiting = []
  }
  return { loop, met: await met }
})

app.task('shared', async () => {
  await sleep(1)
  return { loop, connection: connection?.id, opened }
})

app.task('fails', async (label: string) => {
  await sleep(1)
  await deeper(label)
})

async function deeper(label: string): Promise<never> {
  await sleep(1)
  throw new RangeError(`${label} is out of range`)
}
