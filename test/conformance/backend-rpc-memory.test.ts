import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { backendSuite } from '../../src/testing/backend-suite.ts'
import { rpcPair } from '../backend/rpc-pair.ts'

backendSuite({ test, expect }, (options) => rpcPair(`memory://${randomUUID()}`, options))
