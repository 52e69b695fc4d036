/** `lovage/testing`: a task run as a worker runs it, time that stands still until it is told, and what every seam must pass. */
export { backendSuite, type BackendPair, type OpenPair } from './backend-suite.ts'
export { brokerSuite } from './broker-suite.ts'
export { poolSuite } from './pool-suite.ts'
export { runTask, type RunTaskOptions, type TaskRun } from './run-task.ts'
export type { SuiteRunner } from './runner.ts'
export { VirtualClock, type VirtualClockOptions } from './virtual-clock.ts'
