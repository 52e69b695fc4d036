import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openBackend } from '../../src/backend/open.ts'
import { openBroker } from '../../src/broker/open.ts'
import { backendSuite } from '../../src/testing/backend-suite.ts'
import { temporaryFolder } from '../services/temporary-folder.ts'
import { PATIENT_BROKER } from '../services/patience.ts'

const folder = temporaryFolder()

backendSuite({ test, expect }, async (options) => {
  const url = `embedded://${join(folder, randomUUID())}`
  const broker = openBroker(url, PATIENT_BROKER)
  await broker.start()
  return {
    // One on the connection of its broker, one beside a broker of another kind, with a connection of its own.
    client: openBackend(url, { broker, ...options }),
    worker: openBackend(url, { broker: openBroker(`memory://${randomUUID()}`) }),
    end: () => broker.stop(),
  }
})
