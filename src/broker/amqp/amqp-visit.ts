import type { Message } from '../../protocol/message.ts'
import type { Destination, Posting, PublishTogether, Visit } from '../broker.ts'
import { checkMessage } from '../check-message.ts'
import { AmqpDelivery, type Hold } from './amqp-delivery.ts'
import { type Link, type LinkChannel, LinkError } from './link.ts'

/** What a visit stands on. */
export interface VisitHost {
  readonly maxMessageBytes: number
  /** Rejects what takes longer than it may. */
  readonly inTime: <T>(answer: Promise<T>) => Promise<T>
  /** Publishes one message, and confirms it. */
  readonly publish: (message: Message, to: Destination) => Promise<void>
}

/**
 * Hands out what waits in a queue, on a channel of its own: its end gives back, each to its place, what the visitor leaves.
 * @throws LinkError
 */
export async function visitQueue(
  link: Link,
  queue: string,
  limit: number,
  visit: Visit,
  host: VisitHost,
): Promise<number> {
  const { inTime } = host
  const returned: Posting[] = []
  const onReturn = (message: Message, to: Destination): void => void returned.push({ message, to })
  const channel = await inTime(link.openChannel({ onReturn }))
  const together: PublishTogether = async (postings) => {
    for (const { message, to } of postings) checkMessage(message, to, host.maxMessageBytes)
    try {
      await inTime(commit(channel, postings))
      return postings.filter((posting) => returned.some((one) => isSame(one, posting)))
    } catch (error) {
      if (!(error instanceof LinkError) || error.scope === 'connection' || error.code === 0) throw error
      // The server does not take them so: then each for itself, one after the other, since what is wrong with one would have
      // those sent again that are on their way beside it.
      for (const { message, to } of postings) await host.publish(message, to)
      return []
    }
  }
  let visited = 0
  try {
    const hold: Hold = { channel, unsettled: 0, onSettled: () => {} }
    while (visited < limit) {
      const got = await inTime(channel.get(queue))
      if (!got) break
      visited++
      hold.unsettled++
      if ((await visit(new AmqpDelivery(got, queue, hold), together)) === false) break
    }
  } finally {
    await inTime(channel.close()).catch(() => {})
  }
  return visited
}

/**
 * On the channel that has the messages in hand: the server takes up what is sent on one channel in its order, so that they
 * cannot come back to their queue before it has committed.
 */
async function commit(channel: LinkChannel, postings: readonly Posting[]): Promise<void> {
  await channel.txSelect()
  for (const { message, to } of postings) channel.publish(message, to, true)
  await channel.txCommit()
}

function isSame(one: Posting, other: Posting): boolean {
  return (
    one.to.routingKey === other.to.routingKey &&
    one.to.exchange === other.to.exchange &&
    one.message.correlationId === other.message.correlationId &&
    Buffer.compare(one.message.body, other.message.body) === 0
  )
}
