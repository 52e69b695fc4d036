import { afterAll, beforeAll, expect, test } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { storeSuite } from '../../src/testing/store-suite.ts'
import { temporaryFolder } from '../services/temporary-folder.ts'

const home = temporaryFolder()
// The thread of the engine may be long in starting on a busy machine.
const open = (options = {}): Store => openStore(`embedded://${home}`, { connectTimeoutMs: 60_000, ...options })

// The engine goes on from test to test, as it does while other processes use it.
const other = open()
beforeAll(() => other.start())
afterAll(() => other.stop())

storeSuite({ test, expect }, open)
