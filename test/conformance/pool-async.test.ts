import { runPoolSuite } from './run-pool-suite.ts'

runPoolSuite('async')
