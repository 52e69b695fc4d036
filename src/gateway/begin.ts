import type { AsyncResult } from '../app/async-result.ts'
import type { Call } from './arguments.ts'
import type { JoinedCall } from './joins.ts'
import type { Caller, Desk } from './relay.ts'
import type { RouteRequest, TaskRoute } from './route.ts'

/** The task of a request. */
export interface Begun {
  readonly result: AsyncResult
  /** Others may wait for it too, now or later: it is not this request's to forget. */
  readonly isShared: boolean
}

/** Has the task of a request sent, or finds the one that was sent for an earlier one. */
export async function begin(
  { joins, refusal }: Desk,
  route: TaskRoute,
  request: RouteRequest,
  caller: Caller,
  { args, kwargs, options }: Call,
  remainingMs: number | undefined,
): Promise<Begun> {
  const send = (more?: JoinedCall): ReturnType<typeof route.task.applyAsync> => {
    const given = more ? { ...options, ...more } : options
    return kwargs ? route.task.applyAsync(args, { ...given, kwargs }) : route.task.applyAsync(args, given)
  }
  const { join } = route
  const key = join?.keyOf(request)
  if (!join || key === undefined) {
    await refusal?.check(route, request, remainingMs)
    const sending = send()
    caller.id = sending.id
    return { result: await sending, isShared: false }
  }
  const { result } = await joins.begin(join, key, request, route.timeoutMs, async (more) => {
    await refusal?.check(route, request, remainingMs)
    return send(more)
  })
  caller.id = result.id
  return { result, isShared: true }
}
