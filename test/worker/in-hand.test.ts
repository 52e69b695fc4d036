import { describe, expect, test } from 'vitest'
import type { Delivery } from '../../src/broker/broker.ts'
import { STARTS_HEADER } from '../../src/protocol/headers.ts'
import { encodeTask, newRequest } from '../../src/protocol/task-message.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { InHand } from '../../src/worker/in-hand.ts'
import { Work } from '../../src/worker/work.ts'

const request = newRequest({ id: 'one', task: 'add' })

function delivered(redelivered = false, starts = 0): Work {
  const plain = encodeTask(request)
  const message = starts > 0 ? { ...plain, headers: { ...plain.headers, [STARTS_HEADER]: starts } } : plain
  const settled = (): boolean => true
  const delivery: Delivery = {
    ...{ message, queue: 'q', exchange: '', routingKey: 'q', redelivered, isOurs: true },
    ...{ ack: settled, requeue: settled, reject: settled },
  }
  return new Work(delivery, request)
}

describe('of messages with one key', () => {
  test('the first that comes after a copy was sent waits for the original, and no other', () => {
    const inHand = new InHand(new VirtualClock())
    const original = inHand.take(delivered())
    expect(inHand.originalOf(delivered())).toBeUndefined()
    original.isPassedOn = true
    const copy = delivered()
    expect(inHand.originalOf(copy)).toBe(original)
    inHand.take(copy)
    // The broker was asked twice, and made two of it.
    expect(inHand.originalOf(delivered())).toBeUndefined()
  })

  test('none waits for an original that has left, or whose copy could not be sent', () => {
    const inHand = new InHand(new VirtualClock())
    for (const end of [(work: Work): void => inHand.drop(work), (work: Work) => void (work.isPassedOn = false)]) {
      const original = inHand.take(delivered())
      original.isPassedOn = true
      end(original)
      expect(inHand.originalOf(delivered())).toBeUndefined()
    }
  })

  test('one that comes again is adopted by the one in hand, whether it came before or after keys were asked for', () => {
    const inHand = new InHand(new VirtualClock())
    const early = inHand.take(delivered())
    const again = delivered(true)
    expect(inHand.adopts(again.key, again.delivery)).toBe(true)
    expect(early.delivery).toBe(again.delivery)
    const other = inHand.take(new Work(delivered().delivery, newRequest({ id: 'two', task: 'add' })))
    expect(inHand.adopts(other.key, again.delivery)).toBe(true)
    inHand.drop(other)
    expect(inHand.adopts(other.key, again.delivery)).toBe(false)
  })
})

test('a task came again that was given out before, in this message or another, or while it was in hand', () => {
  expect(delivered().cameAgain).toBe(false)
  expect(delivered(true).cameAgain).toBe(true)
  // The message that a worker has sent in place of one that came again to it.
  expect(delivered(false, 1).cameAgain).toBe(true)
  const kept = delivered()
  kept.adopt(delivered(true).delivery)
  expect(kept.cameAgain).toBe(true)
})
