import type { CallOptions } from '../app/call-options.ts'
import type { RegisteredTask } from '../app/registry.ts'
import { traceOf } from '../protocol/trace-context.ts'
import type { RouteRequest } from './route.ts'

/** One call of a task: what `applyAsync` takes. */
export interface Call {
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>> | undefined
  readonly options: CallOptions | undefined
}

/**
 * How a request gives a task its arguments by name, where the task says what they are called: all that came for a task
 * with `input`, whose schema decides what to make of it; the declared names alone for one with `params`, so that a
 * stray `?utm_source=` does no harm. The path wins over the body and the body over the query, because a caller can put
 * anything into the latter two. Undefined where the names are not known.
 */
export function byName(
  task: RegisteredTask | undefined,
): ((request: RouteRequest) => Omit<Call, 'options'>) | undefined {
  if (task?.input) return (request) => ({ args: [merged(request)], kwargs: undefined })
  if (!task?.params) return undefined
  const names = task.params.map((name) => name.replace(/\?$/, ''))
  return (request) => {
    const given = merged(request)
    const kwargs: Record<string, unknown> = {}
    for (const name of names) if (Object.hasOwn(given, name)) kwargs[name] = given[name]
    return { args: [], kwargs }
  }
}

function merged({ query, body, params }: RouteRequest): Record<string, unknown> {
  const named = typeof body === 'object' && body !== null && !Array.isArray(body) && !(body instanceof Uint8Array)
  return { ...query, ...(named ? body : undefined), ...params }
}

/** The trace of a request goes on in its task; headers that the route has for each task win. */
export function traced(call: (request: RouteRequest) => Call): (request: RouteRequest) => Call {
  return (request) => {
    const trace = traceOf(request.headers)
    const made = call(request)
    return trace ? { ...made, options: { ...made.options, headers: { ...trace, ...made.options?.headers } } } : made
  }
}
