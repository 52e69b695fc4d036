import { expect, test } from 'vitest'
import { brokerUrl, describeWith } from '../services/rabbitmq.ts'
import { rollGroup } from './supervised/rolled.ts'

describeWith(['rabbitmq'], 'four workers under load, restarted through the supervisor', () => {
  test('one after the other, each drained first: no task fails, none runs twice', { timeout: 300_000 }, async () => {
    const broker = await brokerUrl(import.meta.url)
    const load = { rounds: 1, perSecond: 20, longMs: 1_500 }
    const rolled = await rollGroup({ broker, backend: 'rpc://', restarter: 'lovage', ...load })
    expect(rolled.complaints).toEqual([])
    expect(rolled).toMatchObject({ succeeded: rolled.sent, lost: 0, duplicates: 0, restarts: 4 })
  })
})
