import type { ProcessRules } from './configuration.ts'
import type { ProcessState } from './states.ts'

/** Where a process is in its life. Plain data; only {@link step} makes a new one. */
export interface ProcessStatus {
  readonly state: ProcessState
  /** 0: there is none. */
  readonly pid: number
  /** Of the last start, in milliseconds of the monotonic clock. */
  readonly startedMs: number
  /** Of the last start and end, in milliseconds since 1970; 0: never. */
  readonly startedAtMs: number
  readonly stoppedAtMs: number
  /** Failed starts in a row. */
  readonly failures: number
  /** When it wants the event `due`, in milliseconds of the monotonic clock. */
  readonly dueMs: number | undefined
  /** Of the last end; -1 for a signal. undefined: it has not ended since it was started. */
  readonly exitStatus: number | undefined
  /** Why the last start failed, or the last end was not expected; else ''. */
  readonly spawnError: string
}

export type ProcessEvent =
  /** Somebody wants it to run. */
  | { readonly type: 'start' }
  /** There is a process. */
  | { readonly type: 'spawned'; readonly pid: number }
  | { readonly type: 'spawnFailed'; readonly reason: string }
  | { readonly type: 'exited'; readonly code: number | null; readonly signal?: string | null }
  /** Somebody wants it not to run. */
  | { readonly type: 'stop' }
  /** A stop signal could not be sent to a process that is there. */
  | { readonly type: 'signalFailed' }
  /** The supervisor goes: what waits for its next start is not started any more. */
  | { readonly type: 'giveUp' }
  /** The time `dueMs` has come. */
  | { readonly type: 'due' }

export type ProcessAction =
  | { readonly type: 'spawn' }
  | { readonly type: 'signal'; readonly signal: number; readonly group: boolean }

/** One change of state, told to listeners and in the log. */
export interface StateChange {
  readonly from: ProcessState
  readonly to: ProcessState
  /** Of the process that it is about; 0: there was none. */
  readonly pid: number
  /** Failed starts in a row. */
  readonly tries: number
  /** Of EXITED: whether its exit code is among `exitcodes`. */
  readonly expected: boolean
}

export interface Step {
  readonly status: ProcessStatus
  readonly actions: readonly ProcessAction[]
  readonly changes: readonly StateChange[]
}

/** The time of a step, on both clocks. */
export interface Moment {
  readonly monotonicMs: number
  readonly epochMs: number
}

const SIGKILL = 9

/** With `startsecs=0` every end is an end after RUNNING, and nothing else keeps a program from being started in circles. */
const LEAST_BETWEEN_STARTS_MS = 1_000

/** `stopwaitsecs=0` must not send SIGKILL in circles either. */
const LEAST_BETWEEN_KILLS_MS = 100

export const NEVER_STARTED: ProcessStatus = {
  state: 'STOPPED',
  pid: 0,
  startedMs: -Infinity,
  startedAtMs: 0,
  stoppedAtMs: 0,
  failures: 0,
  dueMs: undefined,
  exitStatus: undefined,
  spawnError: '',
}

/** One step under way: collects what changes. */
class Walk {
  readonly actions: ProcessAction[] = []
  readonly changes: StateChange[] = []
  status: ProcessStatus
  readonly rules: ProcessRules
  readonly now: Moment

  constructor(status: ProcessStatus, rules: ProcessRules, now: Moment) {
    this.status = status
    this.rules = rules
    this.now = now
  }

  set(fields: Partial<ProcessStatus>): void {
    this.status = { ...this.status, ...fields }
  }

  to(state: ProcessState, fields: Partial<ProcessStatus> = {}, expected = true): void {
    const from = this.status.state
    // The pid in an event is that of the process it tells of, also of the one that has just ended.
    const { pid } = this.status
    this.set({ dueMs: undefined, ...fields, state })
    this.changes.push({ from, to: state, pid, tries: this.status.failures, expected })
  }

  begin(): void {
    const { monotonicMs: startedMs, epochMs: startedAtMs } = this.now
    this.to('STARTING', { startedMs, startedAtMs, exitStatus: undefined, spawnError: '' })
    this.actions.push({ type: 'spawn' })
  }

  fail(spawnError: string): void {
    const failures = this.status.failures + 1
    this.to('BACKOFF', { failures, spawnError, exitStatus: undefined, dueMs: this.now.monotonicMs + failures * 1_000 })
    this.set({ pid: 0 })
    if (failures > this.rules.startretries) this.to('FATAL', { failures: 0 })
  }

  kill(signal: number, group: boolean): void {
    this.actions.push({ type: 'signal', signal, group })
  }
}

/**
 * The life of a process as supervisord has it: what becomes of `status` by `event`, what is to be done, and what is to be
 * told. An event that means nothing in a state changes nothing.
 */
export function step(status: ProcessStatus, event: ProcessEvent, rules: ProcessRules, now: Moment): Step {
  const walk = new Walk(status, rules, now)
  STEPS[event.type](walk, event as never)
  return { status: walk.status, actions: walk.actions, changes: walk.changes }
}

const STEPS: {
  readonly [Type in ProcessEvent['type']]: (walk: Walk, event: Extract<ProcessEvent, { type: Type }>) => void
} = {
  start(walk) {
    const { state } = walk.status
    if (state === 'STARTING' || state === 'RUNNING' || state === 'STOPPING' || state === 'UNKNOWN') return
    // Who asks for it anew grants it all its tries.
    walk.set({ failures: 0 })
    walk.begin()
  },

  spawned(walk, { pid }) {
    const { state, startedMs } = walk.status
    if (state === 'STOPPING') {
      // It was told to stop before it was there.
      walk.set({ pid })
      return walk.kill(walk.rules.stopsignal, walk.rules.stopasgroup)
    }
    if (state !== 'STARTING') return
    walk.set({ pid, dueMs: startedMs + walk.rules.startsecs * 1_000 })
    if (walk.rules.startsecs <= 0) walk.to('RUNNING', { failures: 0 })
  },

  spawnFailed(walk, { reason }) {
    if (walk.status.state === 'STOPPING') walk.to('STOPPED', { pid: 0, spawnError: reason })
    else if (walk.status.state === 'STARTING') walk.fail(reason)
  },

  exited(walk, { code }) {
    const { state, startedMs } = walk.status
    const stoppedAtMs = walk.now.epochMs
    const exitStatus = code ?? -1
    if (state === 'STOPPING' || state === 'UNKNOWN') {
      walk.to('STOPPED', { stoppedAtMs, exitStatus })
      return walk.set({ pid: 0 })
    }
    if (state !== 'STARTING' && state !== 'RUNNING') return
    const livedMs = walk.now.monotonicMs - startedMs
    walk.set({ stoppedAtMs })
    if (state === 'STARTING') {
      if (livedMs < walk.rules.startsecs * 1_000) return walk.fail('Exited too quickly (process log may have details)')
      // It has lived long enough; only nobody has come to see.
      walk.to('RUNNING')
    }
    const expected = walk.rules.exitcodes.includes(exitStatus)
    const spawnError = expected ? '' : `Bad exit code ${exitStatus}`
    walk.to('EXITED', { exitStatus, spawnError, failures: 0 }, expected)
    walk.set({ pid: 0 })
    const { autorestart } = walk.rules
    if (autorestart !== true && (autorestart !== 'unexpected' || expected)) return
    if (livedMs >= LEAST_BETWEEN_STARTS_MS) walk.begin()
    else walk.set({ dueMs: startedMs + LEAST_BETWEEN_STARTS_MS })
  },

  stop(walk) {
    const { state, pid } = walk.status
    const { stopsignal, stopasgroup, stopwaitsecs } = walk.rules
    if (state === 'BACKOFF') return walk.to('STOPPED')
    if (state === 'EXITED') return walk.set({ dueMs: undefined })
    if (state !== 'STARTING' && state !== 'RUNNING') return
    walk.to('STOPPING', { dueMs: walk.now.monotonicMs + stopwaitsecs * 1_000 })
    if (pid > 0) walk.kill(stopsignal, stopasgroup)
  },

  signalFailed(walk) {
    if (walk.status.state === 'STOPPING') walk.to('UNKNOWN')
  },

  giveUp(walk) {
    if (walk.status.state === 'BACKOFF') walk.to('FATAL', { failures: 0 })
    else if (walk.status.state === 'EXITED') walk.set({ dueMs: undefined })
  },

  due(walk) {
    const { state, dueMs, pid } = walk.status
    if (dueMs === undefined || walk.now.monotonicMs < dueMs) return
    if (state === 'STARTING') walk.to('RUNNING', { failures: 0 })
    else if (state === 'BACKOFF' || state === 'EXITED') walk.begin()
    else if (state === 'STOPPING') {
      const againMs = Math.max(LEAST_BETWEEN_KILLS_MS, walk.rules.stopwaitsecs * 1_000)
      walk.set({ dueMs: walk.now.monotonicMs + againMs })
      if (pid > 0) walk.kill(SIGKILL, walk.rules.killasgroup)
    }
  },
}
