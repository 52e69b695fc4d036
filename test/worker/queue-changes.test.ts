import { expect, test } from 'vitest'
import type { Broker, ConsumeOptions, Consumer } from '../../src/broker/broker.ts'
import type { InHand } from '../../src/worker/in-hand.ts'
import { QueueReader } from '../../src/worker/queue-reader.ts'
import type { Reading } from '../../src/worker/reading.ts'
import type { Work } from '../../src/worker/work.ts'

/** A reader of a broker whose consumers begin when the test says so; `credits` are those of each, the last one last. */
function scene() {
  const credits: number[][] = []
  let begin = (): void => {}
  const consume = async ({ prefetch }: ConsumeOptions): Promise<Consumer> => {
    const own = [prefetch]
    credits.push(own)
    if (credits.length > 1) await new Promise<void>((resolve) => (begin = resolve))
    return {
      setPrefetch: (credit) => void own.push(credit),
      cancel: async () => void own.push(NaN),
    }
  }
  const works = new Set<Work>()
  const inHand = { works, has: (work: Work) => works.has(work) } as unknown as InHand
  const reading = { queues: ['one'], arguments: {} } as unknown as Reading
  const broker = { consume } as unknown as Broker
  const reader = new QueueReader({ broker, inHand, reading, onDelivery: () => {} })
  return { reader, credits, works, begin: () => begin() }
}

const inHandOf = (count: number): Work[] => Array.from({ length: count }, () => ({ isLeased: false }) as Work)

test('credit that changes while the queues do is that of the new consumer too', async () => {
  const { reader, credits, begin } = scene()
  await reader.begin(5)
  const changed = reader.again()
  await expect.poll(() => credits.length).toBe(2)
  reader.setPrefetch(9)
  begin()
  await changed
  expect(credits).toEqual([
    [5, 9, NaN],
    [5, 9],
  ])
})

test('what was in hand when the queues changed counts until it is done, or is under a lease, which takes no credit', async () => {
  const { reader, credits, works, begin } = scene()
  const [first, second, third] = inHandOf(3) as [Work, Work, Work]
  await reader.begin(10)
  for (const work of [first, second, third]) works.add(work)
  const changed = reader.again()
  await expect.poll(() => credits.length).toBe(2)
  begin()
  await changed
  works.delete(first)
  reader.left(first)
  // As a worker does: what is under a lease takes a slot, and no credit.
  second.isLeased = true
  reader.setPrefetch(9)
  expect(credits[1]).toEqual([7, 8, 8])
})
