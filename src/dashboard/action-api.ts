import type { Role } from './api.ts'

/**
 * What `POST actions/<name>` takes, by name: JSON with a `target`, answered with an `ActionAnswer`. The pages import this,
 * as types.
 */
export interface ActionInputs {
  /** Sends a task again under a new id (`each` has it, by the old one). Without `args` and `kwargs` those it had. */
  readonly 'task-retry': {
    readonly target: string | readonly string[]
    readonly args?: readonly unknown[]
    readonly kwargs?: Readonly<Record<string, unknown>>
  }
  /** Has tasks end that have not begun. */
  readonly 'task-revoke': { readonly target: string | readonly string[] }
  /** Ends tasks, those that run too. */
  readonly 'task-terminate': { readonly target: string | readonly string[]; readonly signal?: string }
  /**
   * One of these on all tasks that a filter matches, as a job. `count` is what was confirmed: where more match now, nothing
   * is done. With `asOfMs` only those are meant that were last heard of until then.
   */
  readonly tasks: {
    /** The filter. */
    readonly target: string
    readonly verb: 'retry' | 'revoke' | 'terminate'
    readonly count: number
    readonly asOfMs?: number
  }
  /** Of workers `target` is one name or several; each answers for itself. */
  readonly 'worker-grow': WorkerTarget & { readonly count?: number }
  readonly 'worker-shrink': WorkerTarget & { readonly count?: number }
  readonly 'worker-autoscale': WorkerTarget & { readonly min: number; readonly max: number }
  readonly 'worker-add-queue': WorkerTarget & { readonly queue: string }
  readonly 'worker-cancel-queue': WorkerTarget & { readonly queue: string }
  /** `rate`: `10/m`, `5/s`, `0` for none. */
  readonly 'worker-rate-limit': WorkerTarget & { readonly task: string; readonly rate: string | number }
  /** null: no limit. */
  readonly 'worker-time-limit': WorkerTarget & {
    readonly task: string
    readonly softMs?: number | null
    readonly hardMs?: number | null
  }
  readonly 'worker-pool-restart': WorkerTarget
  /** `cold`: what runs is cut off and given back to its queue. Python's workers know the warm way only. */
  readonly 'worker-shutdown': WorkerTarget & { readonly how?: 'warm' | 'cold' }
  /** Of queues and schedules `target` is one name. */
  readonly 'queue-purge': Named
  readonly 'queue-delete': Named
  /** `target` is the queue whose dead letters they are, `keys` are `<id>:<code>` of each. */
  readonly 'dead-requeue': Named & { readonly keys: 'all' | readonly string[] }
  readonly 'dead-drop': Named & { readonly keys: 'all' | readonly string[] }
  readonly 'schedule-pause': Named
  readonly 'schedule-resume': Named
  readonly 'schedule-run': Named
  /** `target`: `host:group:process`, of each. `atOnce` 0: all at once. A job. */
  readonly process: {
    readonly target: string | readonly string[]
    readonly verb: 'start' | 'stop' | 'restart' | 'clear'
    readonly atOnce?: number
    readonly stopOnFailure?: boolean
  }
  /** Begins nothing further of a job; what has begun goes on to its end. */
  readonly 'job-cancel': Named
}

interface WorkerTarget {
  readonly target: string | readonly string[]
}

interface Named {
  readonly target: string
}

export type ActionName = keyof ActionInputs

/** Who may do what: those of a role further down may do what stands above it. */
export const ACTION_ROLES: Readonly<Record<ActionName, Role>> = {
  'task-retry': 'operate',
  'task-revoke': 'operate',
  'task-terminate': 'operate',
  tasks: 'operate',
  'worker-grow': 'operate',
  'worker-shrink': 'operate',
  'worker-autoscale': 'operate',
  'worker-add-queue': 'operate',
  'worker-cancel-queue': 'operate',
  'worker-rate-limit': 'operate',
  'worker-time-limit': 'operate',
  'worker-pool-restart': 'operate',
  'worker-shutdown': 'admin',
  'queue-purge': 'admin',
  'queue-delete': 'admin',
  'dead-requeue': 'operate',
  'dead-drop': 'admin',
  'schedule-pause': 'operate',
  'schedule-resume': 'operate',
  'schedule-run': 'operate',
  process: 'operate',
  'job-cancel': 'operate',
}

/** `GET processes/log?target=host:group:process&channel=stdout&length=65536&offset=`: the end of a log, or what came since. */
export interface LogPiece {
  /** Whole lines. */
  readonly text: string
  /** The last line as far as it is written, without its last word. It is in the next piece again, whole or further written. */
  readonly open: string
  /** Where the next piece begins. */
  readonly offset: number
  /** There was more since than is sent. */
  readonly overflow: boolean
}
