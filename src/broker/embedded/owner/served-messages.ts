import type { HeaderValue } from '../../../protocol/headers.ts'
import type { DelayedMessage } from '../../broker.ts'
import type { EngineDelivery } from '../subscription.ts'
import type { ByteWriter } from '../wire/byte-writer.ts'
import { packedMessage } from '../wire/packed-message.ts'

/** Times and messages, in turn. */
export function listed(list: readonly DelayedMessage[]): HeaderValue[] {
  return list.flatMap(({ atMs, message }) => [atMs, packedMessage(message).bytes])
}

/** What a client is told of a message that it is handed. */
export function writeDelivery(writer: ByteWriter, tag: number, delivery: EngineDelivery): void {
  writer.f64(tag)
  writer.u8(delivery.redelivered ? 1 : 0)
  writer.text(delivery.queue)
  writer.text(delivery.exchange)
  writer.text(delivery.routingKey)
  writer.raw(packedMessage(delivery.message).bytes)
}
