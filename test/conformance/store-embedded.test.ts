import { afterAll, beforeAll, expect, test } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import { storeSuite } from '../../src/testing/store-suite.ts'
import { temporaryFolder } from '../services/temporary-folder.ts'

const home = temporaryFolder()

// The engine goes on from test to test, as it does while other processes use it.
const other = openStore(`embedded://${home}`)
beforeAll(() => other.start())
afterAll(() => other.stop())

storeSuite({ test, expect }, (options) => openStore(`embedded://${home}`, options))
