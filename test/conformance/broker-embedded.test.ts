import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBroker } from '../../src/broker/open.ts'
import { brokerSuite } from '../../src/testing/broker-suite.ts'
import { temporaryFolder } from '../services/temporary-folder.ts'
import { PATIENT_BROKER } from '../services/patience.ts'

const url = `embedded://${temporaryFolder()}`

// Owns the engine throughout, so that it is not begun anew for every test.
const owner = openBroker(url)
beforeAll(() => owner.start())
afterAll(() => owner.stop())

brokerSuite({ test, expect }, (options) => openBroker(url, { ...PATIENT_BROKER, ...options }))
