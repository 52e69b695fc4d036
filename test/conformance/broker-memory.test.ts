import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { openBroker } from '../../src/broker/open.ts'
import { brokerSuite } from '../../src/testing/broker-suite.ts'
import { PATIENT_BROKER } from '../services/patience.ts'

const url = `memory://${randomUUID()}`

brokerSuite({ test, expect }, (options) => openBroker(url, { ...PATIENT_BROKER, ...options }))
