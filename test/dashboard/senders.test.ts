import { expect, test } from 'vitest'
import { sendersOf } from '../../src/dashboard/read/senders.ts'
import { OF_TASKS } from '../../src/dashboard/tasks/known-tasks.ts'
import { Rates } from '../../src/dashboard/traffic/rates.ts'

const NOW_MS = 1_800_000_000_000

test('a process that sends is known as the gateway or the beat that it is', () => {
  const rates = { sender: new Rates(), into: new Rates(), outOf: new Rates(), worker: new Rates() }
  const count = (name: string, times: number): void => {
    for (let n = 0; n < times; n++) rates.sender.count(name, NOW_MS)
  }
  count('gen1@here', 240)
  count('gen2@here', 60)
  count('beat@there', 60)
  count('gen3@here', 180)
  count(OF_TASKS, 30)
  const senders = sendersOf(
    {
      index: { rates, clientOf: (id) => (id === 'tick' ? 'gen2@here' : null) },
      fleet: { gateways: { has: (name) => name === 'gateway-1@here' } },
      timetable: { sent: ['tick', 'not heard of'] },
    },
    NOW_MS,
  )
  expect(senders).toEqual([
    { name: 'gateway-1@here', kind: 'gateway', rate: 4 },
    { name: 'gen3@here', kind: 'client', rate: 3 },
    { name: 'beat', kind: 'beat', rate: 2 },
    { name: 'workers', kind: 'worker', rate: 0.5 },
  ])
})
