import type { Headers } from '../protocol/headers.ts'
import type { TaskRequest } from '../protocol/task-message.ts'

/**
 * What makes spans of sending and of running tasks. Without one, the trace that a request or a message carries is passed
 * on as it is, which costs next to nothing.
 */
export interface Tracer {
  /** The trace that a message is sent in, as headers. `given` are those that it has otherwise. */
  send(task: string, id: string, given: Headers): Headers
  /** Calls what runs a task, as part of the trace of its message. */
  run<T>(request: TaskRequest, fn: () => T): T
}

let tracer: Tracer | undefined

/** Has all applications of this process or thread traced. Undefined ends that. */
export function setTracer(given: Tracer | undefined): void {
  tracer = given
}

/** What traces, if anything does. */
export function currentTracer(): Tracer | undefined {
  return tracer
}
