import { expect, test } from 'vitest'
import { openBroker } from '../../src/broker/open.ts'
import { brokerSuite } from '../../src/testing/broker-suite.ts'
import { temporaryFolder } from '../services/temporary-folder.ts'

const url = `embedded://${temporaryFolder()}`

brokerSuite({ test, expect }, (options) => openBroker(url, options))
