import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import type { BrokerState } from '../../src/broker/broker.ts'
import { lovage } from '../../src/index.ts'
import { worker } from '../../src/worker/worker.ts'
import { app as tasks, BLOCKERS } from '../pool/blockers.ts'
import { PATIENT } from '../services/patience.ts'
import { brokerUrl, describeWith } from '../services/rabbitmq.ts'

// Every child translates the sources for itself.

/** RabbitMQ takes a client for dead from which it has heard nothing for two of these. */
const HEARTBEAT_S = 3

/** Longer than that. */
const BLOCKED_MS = 6_500

describeWith(['rabbitmq'], 'tasks that block their thread', () => {
  let url: string
  beforeAll(async () => {
    url = await brokerUrl(import.meta.url)
  })

  test.for(['threads', 'processes'] as const)('leave the connection of a worker with %s alone', async (pool) => {
    const app = lovage(
      tasks.name,
      { broker: `${url}?heartbeat=${HEARTBEAT_S}`, defaultQueue: `heartbeats-${pool}`, ...PATIENT },
      { env: {} },
    )
    for (const name of tasks.registry.names()) app.registry.add(tasks.registry.get(name) as never)
    const module = fileURLToPath(new URL('../pool/blockers.ts', import.meta.url))
    const made = worker(app, { pool, concurrency: 4, module, gracePeriod: 0 })
    const states: BrokerState[] = []
    try {
      await made.start()
      const { broker } = await app.client()
      broker.onState((state) => void states.push(state))
      const results = BLOCKERS.map((task) => app.sendTask<string>(task, [BLOCKED_MS]).get({ timeout: '60s' }))
      expect(await Promise.all(results)).toEqual(BLOCKERS.map(() => 'over'))
      expect(states).toEqual([])
      expect(broker.state).toBe('connected')
      // A result is on its way before its task is counted.
      await expect.poll(() => made.stats(), { timeout: 60_000 }).toMatchObject({ received: 4, succeeded: 4 })
      expect(made.stats()).toMatchObject({ lost: 0, adopted: 0 })
    } finally {
      await made.stop()
      await app.close()
    }
  })
})
