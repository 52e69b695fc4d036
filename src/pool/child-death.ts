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

/** What ended a child, where it could say so: an error that nobody caught, or a call of `process.exit`. */
export interface ChildFault {
  readonly origin: 'uncaughtException' | 'unhandledRejection' | 'exit'
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
  /** Epoch ms. */
  readonly atMs: number
  /** It ran one task alone, in quarantine. */
  readonly isQuarantine: boolean
  /** What ran in it, the oldest first. */
  readonly suspects: readonly Suspect[]
}

/** V8's and Node's last words, as they are on stderr. */
const FATAL = /^FATAL ERROR: (.*)$/m
const ABORT_STACK = /^-+ JavaScript stack trace -+\n\n((?:\d+: .*\n?)+)/m

/** In words: what ended the child. */
export function describeDeath({ kind, exitCode, signal, fault, cause, stderrTail }: ChildDeath): string {
  const what = kind === 'threads' ? 'thread' : 'process'
  if (cause === 'ended') return `the ${what} was ended because of another task in it`
  if (fault) return `the ${what} ended: ${fault.message}`
  const how = signal === null ? `the ${what} ended with code ${exitCode}` : `the ${what} was ended by ${signal}`
  const fatal = FATAL.exec(stderrTail)
  return fatal ? `${how}: ${fatal[1]}` : how
}

/** In words: what the child weighed when it was last looked at; undefined where nobody looked. */
export function describeMemory({ kind, memory, atMs }: ChildDeath): string | undefined {
  const last = memory.at(-1)
  if (!last) return undefined
  const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`
  const ago = (Math.max(0, atMs - last.atMs) / 1000).toFixed(1)
  const resident = kind === 'processes' ? `${mib(last.bytes)} resident, ` : ''
  return `${ago} s before it had ${resident}${mib(last.heapBytes)} of heap`
}

/** The stack of what ended the child, where there is one. */
export function stackOfDeath({ fault, stderrTail }: ChildDeath): string | null {
  if (fault) return fault.stack
  const frames = ABORT_STACK.exec(`${stderrTail}\n`)?.[1]
  return frames === undefined ? null : frames.trimEnd().replace(/^\d+: /gm, '    at ')
}
