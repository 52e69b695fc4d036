/**
 * `lovage/testing`: a task run as a worker runs it, a whole system simulated under faults, time that stands still until it is
 * told, and what every seam must pass.
 */
export { backendSuite, type BackendPair, type OpenPair } from './backend-suite.ts'
export { brokerSuite } from './broker-suite.ts'
export { poolSuite } from './pool-suite.ts'
export { runTask, type RunTaskOptions, type TaskRun } from './run-task.ts'
export type { SuiteRunner } from './runner.ts'
export { storeSuite } from './store-suite.ts'
export type { OpenStoreForSuite } from './store/scene.ts'
export { VirtualClock, type VirtualClockOptions } from './virtual-clock.ts'
export { sleep } from '../base/clock.ts'
export { traceOf } from './simulator/report.ts'
export {
  simulate,
  type SimulatedSurroundings,
  type SimulatedWorld,
  type SimulateOptions,
  type Simulation,
  type WorkerChoice,
} from './simulator/simulate.ts'
export type { Faults } from './simulator/faults.ts'
export type { BrokerModel, MadeApp, Peer, Wrap } from './simulator/peer.ts'
