import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import { storeSuite } from '../../src/testing/store-suite.ts'

const url = `memory://${randomUUID()}`

storeSuite({ test, expect }, (options) => openStore(url, options))
