import { expect, test } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import { storeSuite } from '../../src/testing/store-suite.ts'
import { temporaryFolder } from '../services/temporary-folder.ts'

const home = temporaryFolder()

storeSuite({ test, expect }, (options) => openStore(`embedded://${home}`, options))
