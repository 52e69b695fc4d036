/** `lovage/testing`: what every kind of a seam must pass, and time for tests that stands still until it is told. */
export { backendSuite, type BackendPair, type OpenPair } from './backend-suite.ts'
export { brokerSuite } from './broker-suite.ts'
export { poolSuite } from './pool-suite.ts'
export type { SuiteRunner } from './runner.ts'
export { VirtualClock, type VirtualClockOptions } from './virtual-clock.ts'
