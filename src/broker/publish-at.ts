import type { Message } from '../protocol/message.ts'
import type { Broker, Destination, PublishOptions } from './broker.ts'

/**
 * What is due sooner than this goes straight into its queue, and is held by whoever takes it; what is due later waits with
 * the broker, in nobody's hands.
 */
const SHORT_DELAY_MS = 2000

/** Whether a message that is due in so long is worth being kept by the broker. */
export function isWorthKeeping(leftMs: number): boolean {
  return leftMs > SHORT_DELAY_MS
}

/**
 * Publishes a message that is due at a time, epoch ms; undefined: at once. It waits with the broker where that can keep
 * it, else in its queue, where whoever takes it holds it.
 * @throws LovageError as `Broker.publish` does
 */
export function publishAt(
  broker: Broker,
  message: Message,
  to: Destination,
  { atMs, nowMs, ...options }: PublishOptions & { readonly atMs: number | undefined; readonly nowMs: number },
): Promise<void> {
  if (atMs === undefined || !broker.delays || !isWorthKeeping(atMs - nowMs)) {
    return broker.publish(message, to, options)
  }
  return broker.delays.publish(message, to, atMs, options).then(ignored)
}

function ignored(): void {}
