import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { backendSuite } from '../../src/testing/backend-suite.ts'
import { rpcPair } from '../backend/rpc-pair.ts'
import { temporaryFolder } from '../services/temporary-folder.ts'

const folder = temporaryFolder()

backendSuite({ test, expect }, (options) => rpcPair(`embedded://${join(folder, randomUUID())}`, options))
