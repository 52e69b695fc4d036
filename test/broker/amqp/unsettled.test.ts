import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Outgoing } from '../../../src/broker/amqp/client/outgoing.ts'
import { Unsettled } from '../../../src/broker/amqp/client/unsettled.ts'

/** What was written, and a turn that ends when told. */
function scene(): { unsettled: Unsettled; written: string[]; endTurn: () => void } {
  const written: string[] = []
  let last: (() => void)[] = []
  const outgoing = { last: (fn: () => void) => void last.push(fn) } as unknown as Outgoing
  const unsettled = new Unsettled(outgoing, {
    ack: (tag, multiple) => void written.push(`ack ${tag}${multiple ? ' and below' : ''}`),
    nack: (tag, requeue) => void written.push(`${requeue ? 'requeue' : 'reject'} ${tag}`),
  })
  const endTurn = (): void => {
    const now = last
    last = []
    for (const fn of now) fn()
  }
  return { unsettled, written, endTurn }
}

test('acks of one turn go out as one, as far as nothing below is unsettled', () => {
  const { unsettled, written, endTurn } = scene()
  for (let tag = 1; tag <= 6; tag++) unsettled.add(tag)
  for (const tag of [2, 1, 3, 5]) expect(unsettled.ack(tag)).toBe(true)
  expect(written).toEqual([])
  endTurn()
  expect(written).toEqual(['ack 3 and below', 'ack 5'])
  unsettled.ack(4)
  unsettled.ack(6)
  endTurn()
  expect(written.slice(2)).toEqual(['ack 6 and below'])
})

test('what is refused is written at once, before the acks of the turn', () => {
  const { unsettled, written, endTurn } = scene()
  for (let tag = 1; tag <= 3; tag++) unsettled.add(tag)
  unsettled.ack(1)
  unsettled.nack(2, true)
  unsettled.ack(3)
  endTurn()
  expect(written).toEqual(['requeue 2', 'ack 3 and below'])
})

test('each delivery is settled once, and none of another channel', () => {
  const { unsettled, written, endTurn } = scene()
  unsettled.add(1)
  expect([unsettled.ack(1), unsettled.ack(1), unsettled.nack(1, true), unsettled.ack(2)]).toEqual([
    true,
    false,
    false,
    false,
  ])
  endTurn()
  expect(written).toEqual(['ack 1'])
})

test('nothing is written when the channel has gone before the turn ends', () => {
  const { unsettled, written, endTurn } = scene()
  unsettled.add(1)
  unsettled.ack(1)
  unsettled.fail()
  endTurn()
  expect(written).toEqual([])
  expect(unsettled.ack(1)).toBe(false)
})

test('whatever comes in which order, the broker settles exactly what we have settled, as we have', () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constant('deliver') },
    { weight: 4, arbitrary: fc.nat(20).map((at) => ({ at, as: 'ack' })) },
    { weight: 1, arbitrary: fc.nat(20).map((at) => ({ at, as: 'requeue' })) },
    { weight: 1, arbitrary: fc.nat(20).map((at) => ({ at, as: 'reject' })) },
    { weight: 1, arbitrary: fc.constant('no ack') },
    { weight: 2, arbitrary: fc.constant('end of turn') },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const { unsettled, written, endTurn } = scene()
      const ours: number[] = []
      const wanted = new Map<number, string>()
      /** The broker's side: what is outstanding there, and what became of it. */
      const outstanding = new Set<number>()
      const became = new Map<number, string>()
      let tag = 0
      let read = 0
      const settle = (): void => {
        for (; read < written.length; read++) {
          const [as = '', number, isMultiple] = (written[read] as string).split(' ')
          const last = Number(number)
          // RabbitMQ closes the channel over a tag that it does not know.
          if (!outstanding.has(last)) throw new Error(`unknown delivery tag ${last}`)
          for (const one of outstanding) {
            if (one !== last && !(isMultiple && one < last)) continue
            outstanding.delete(one)
            became.set(one, as)
          }
        }
      }
      for (const one of [...steps, 'end of turn' as const]) {
        if (one === 'deliver') {
          unsettled.add(++tag)
          ours.push(tag)
          outstanding.add(tag)
        } else if (one === 'no ack') tag++
        else if (one === 'end of turn') endTurn()
        else if (typeof one === 'object' && ours.length > 0) {
          const [chosen = 0] = ours.splice(one.at % ours.length, 1)
          wanted.set(chosen, one.as)
          if (one.as === 'ack') unsettled.ack(chosen)
          else unsettled.nack(chosen, one.as === 'requeue')
        }
        settle()
      }
      expect(became).toEqual(wanted)
      expect([...outstanding]).toEqual(ours.sort((a, b) => a - b))
      expect(unsettled.size).toBe(ours.length)
    }),
    { numRuns: 1_000 },
  )
})
