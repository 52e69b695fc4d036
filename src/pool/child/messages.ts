import type { LagFigures } from '../../base/lag.ts'
import type { LogRecord } from '../../base/log.ts'
import type { JsonTypes } from '../../protocol/json.ts'
import type { ChildFault, ChildMemory } from '../child-death.ts'
import type { Packed } from './packing.ts'

/** What a child is told when it begins. */
export interface Beginning {
  readonly kind: 'threads' | 'processes'
  /** Counts the children of a pool from 1. */
  readonly number: number
  /** Paths of the modules that define the tasks. */
  readonly modules: readonly string[]
  /** Name of the worker node. */
  readonly hostname: string
  /** Name of the application. */
  readonly app: string
  /** The tasks it must have. */
  readonly tasks: readonly string[]
  readonly accept: readonly string[]
  readonly types: JsonTypes
  readonly maxBodyBytes: number | undefined
  /** How long its event loop may stand before that is reported; 0: never; undefined: it is not watched. */
  readonly stallMs: number | undefined
  /** Somebody reads the log: what is logged in the child is told. */
  readonly isLogged: boolean
}

/** What a child is told to do. Many travel together; what comes for each job has no names of members. */
export type Order =
  | { readonly kind: 'begin'; readonly beginning: Beginning }
  /** A job to run. */
  | Packed
  | { readonly kind: 'abort'; readonly n: number; readonly name: string; readonly message: string }
  /** It ends with this outcome, whatever its function does. */
  | {
      readonly kind: 'give-up'
      readonly n: number
      readonly outcome: Packed
      readonly name: string
      readonly message: string
    }
  /** Close what is open, then go. */
  | { readonly kind: 'end' }

/** What a child tells. Many travel together; what comes for each job has no names of members. */
export type Report =
  | { readonly kind: 'ready' }
  /** It cannot run tasks of this pool, and never will. */
  | { readonly kind: 'unfit'; readonly code: string; readonly details: Readonly<Record<string, unknown>> }
  /** The job of this number has started. */
  | number
  | { readonly kind: 'update'; readonly n: number; readonly outcome: Packed }
  /** The outcome of a job. */
  | Packed
  /** Its function was given up while it runs (+1), or has returned after all (-1). */
  | { readonly kind: 'abandoned'; readonly change: 1 | -1 }
  | { readonly kind: 'memory'; readonly memory: ChildMemory; readonly lag: LagFigures | undefined }
  | { readonly kind: 'log'; readonly record: LogRecord }
  /** An error that nobody caught: its last words. */
  | { readonly kind: 'fault'; readonly fault: ChildFault }
