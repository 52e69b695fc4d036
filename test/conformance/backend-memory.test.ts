import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { openBackend } from '../../src/backend/open.ts'
import { openBroker } from '../../src/broker/open.ts'
import { backendSuite } from '../../src/testing/backend-suite.ts'

backendSuite({ test, expect }, async ({ maxPendingResults }) => {
  const url = `memory://${randomUUID()}`
  const broker = openBroker(url)
  const client = openBackend(url, { broker, ...(maxPendingResults && { maxPendingResults }) })
  return { client, worker: openBackend(url, { broker }), end: () => broker.stop() }
})
