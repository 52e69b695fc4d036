import { runPoolSuite } from './run-pool-suite.ts'

runPoolSuite('processes')
