/** supervisord's states of a process, by name. */
export const PROCESS_STATES = {
  STOPPED: 0,
  STARTING: 10,
  RUNNING: 20,
  BACKOFF: 30,
  STOPPING: 40,
  EXITED: 100,
  FATAL: 200,
  UNKNOWN: 1000,
} as const

export type ProcessState = keyof typeof PROCESS_STATES

/** supervisord's states of itself, by name. */
export const SUPERVISOR_STATES = { FATAL: 2, RUNNING: 1, RESTARTING: 0, SHUTDOWN: -1 } as const

export type SupervisorState = keyof typeof SUPERVISOR_STATES

/** Nothing runs, and nothing will by itself. */
const STOPPED: ReadonlySet<ProcessState> = new Set(['STOPPED', 'EXITED', 'FATAL', 'UNKNOWN'])

/** It runs, or is being brought to: what `stop` applies to. */
const RUNNING: ReadonlySet<ProcessState> = new Set(['RUNNING', 'BACKOFF', 'STARTING'])

/** There is a process that a signal can be sent to. */
const SIGNALLABLE: ReadonlySet<ProcessState> = new Set(['RUNNING', 'STARTING', 'STOPPING'])

export const isStopped = (state: ProcessState): boolean => STOPPED.has(state)
export const isRunning = (state: ProcessState): boolean => RUNNING.has(state)
export const isSignallable = (state: ProcessState): boolean => SIGNALLABLE.has(state)
