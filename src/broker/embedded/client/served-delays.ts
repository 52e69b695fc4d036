import type { HeaderValue } from '../../../protocol/headers.ts'
import type { Message } from '../../../protocol/message.ts'
import type { BrokerDelays, DelayedMessage, Destination, PublishOptions } from '../../broker.ts'
import { ASK } from '../wire/frames.ts'
import { unpackMessage } from '../wire/packed-message.ts'
import type { EngineClient } from './engine-client.ts'
import { ServedDelivery } from './served-consumer.ts'

/** What delays need of their broker. */
export interface DelaysHost {
  readonly client: EngineClient
  readonly publish: (message: Message, to: Destination, atMs: number, options?: PublishOptions) => Promise<void>
}

/** The delays of a broker whose owner moves what is due: it is there when anybody is. */
export function servedDelays({ client, publish }: DelaysHost): BrokerDelays {
  return {
    async publish(message, to, atMs, options) {
      await publish(message, to, atMs, options)
      return 'kept'
    },
    async keep(delivery, atMs) {
      client.assertOpen()
      const left = delivery instanceof ServedDelivery && Number.isFinite(atMs) ? delivery.leave() : undefined
      if (!left) return false
      const answer = await client
        .askOn(left.line, ASK.keep, (writer) => {
          writer.f64(left.tag)
          writer.f64(atMs)
        })
        // With its connection it is not ours any more, kept or not.
        .catch(() => undefined)
      return answer?.value === true
    },
    move: async () => async () => {},
    purge: async (queue) => Number(await client.ask(ASK.purgeDelayed, (writer) => writer.text(queue))),
    async list(queue, limit) {
      const answer = await client.ask(ASK.listDelayed, (writer) => {
        writer.text(queue)
        writer.u32(limit)
      })
      return messagesIn(answer as readonly HeaderValue[])
    },
  }
}

function messagesIn(answer: readonly HeaderValue[]): DelayedMessage[] {
  const list: DelayedMessage[] = []
  for (let i = 0; i < answer.length; i += 2) {
    const [atMs, bytes] = [Number(answer[i]), answer[i + 1] as Uint8Array]
    list.push({ atMs, message: unpackMessage(Buffer.from(bytes)) })
  }
  return list
}
