import type { Outcome } from '../protocol/outcome.ts'
import type { Job } from './pool.ts'

/** What a child weighed. */
export interface ChildMemory {
  /** Bytes: the resident set of a process; the heap of a thread with what hangs on it. */
  readonly bytes: number
  /** Bytes of JavaScript objects. */
  readonly heapBytes: number
  /** Epoch ms. */
  readonly atMs: number
}

/** An error that nobody caught. */
export interface ChildFault {
  readonly origin: 'uncaughtException' | 'unhandledRejection'
  /** Name and message. */
  readonly message: string
  readonly stack: string | null
}

/** A job that was in a child when it died. */
export interface Suspect {
  readonly job: Job
  /** The child told of its start. False says little: a task that kills at once leaves no time to tell. */
  readonly hasStarted: boolean
  /** Milliseconds since it was handed to the child. */
  readonly ranMs: number
  /** Children that died with it before this one. */
  readonly deaths: number
  /** Set where the child was ended because of it: what it ends with. */
  readonly decided: Outcome | undefined
}

/** A thread or process of a pool has ended although it was not told to. */
export interface ChildDeath {
  readonly kind: 'threads' | 'processes'
  /** Counts the children of a pool from 1. */
  readonly number: number
  /** Of the process, or of the thread. */
  readonly id: number
  readonly exitCode: number | null
  readonly signal: string | null
  /**
   * `ended`: by us, because a task was past its time limit or was to be terminated, and did not let go. `lost`: it has ended
   * by itself, or somebody else has ended it.
   */
  readonly cause: 'ended' | 'lost'
  /** The error that nobody caught, where there was one. */
  readonly fault: ChildFault | undefined
  /** The last figures it told; the newest last. */
  readonly memory: readonly ChildMemory[]
  /** The end of what it wrote to stderr. */
  readonly stderrTail: string
  /** It ran one task alone, in quarantine. */
  readonly isQuarantine: boolean
  /** What ran in it, the oldest first. */
  readonly suspects: readonly Suspect[]
}

/** In words: what ended the child. */
export function describeDeath({ kind, exitCode, signal, fault, cause }: ChildDeath): string {
  const what = kind === 'threads' ? 'thread' : 'process'
  if (cause === 'ended') return `the ${what} was ended because of another task in it`
  if (fault) return `the ${what} ended: ${fault.message}`
  return signal === null ? `the ${what} ended with code ${exitCode}` : `the ${what} was ended by ${signal}`
}
