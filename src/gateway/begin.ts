import type { AsyncResult } from '../app/async-result.ts'
import type { Call } from './arguments.ts'
import type { JoinRule } from './join.ts'
import type { JoinedCall } from './joins.ts'
import type { Caller, Desk } from './relay.ts'
import type { RouteRequest, TaskRoute } from './route.ts'

/** The task of a request. */
export interface Begun {
  readonly result: AsyncResult
  /** Others may wait for it too, now or later: it is not this request's to forget. */
  readonly isShared: boolean
}

type Send = (more?: JoinedCall) => ReturnType<TaskRoute['task']['applyAsync']>

/** Has the task of a request sent, or finds the one that was sent for an earlier one. */
export function begin(
  desk: Desk,
  route: TaskRoute,
  request: RouteRequest,
  caller: Caller,
  { args, kwargs, options }: Call,
  remainingMs: number | undefined,
): Promise<Begun> {
  const send: Send = (more) => {
    const given = more ? { ...options, ...more } : options
    return kwargs ? route.task.applyAsync(args, { ...given, kwargs }) : route.task.applyAsync(args, given)
  }
  const { join } = route
  const key = join?.keyOf(request)
  if (join && key !== undefined) return joined(desk, route, join, key, request, caller, send, remainingMs)
  const { refusal } = desk
  const own = (): Promise<Begun> => {
    const sending = send()
    caller.id = sending.id
    return sending.then(alone)
  }
  return refusal ? refusal.check(route, request, remainingMs).then(own) : own()
}

function alone(result: AsyncResult): Begun {
  return { result, isShared: false }
}

async function joined(
  { joins, refusal }: Desk,
  route: TaskRoute,
  join: JoinRule,
  key: string,
  request: RouteRequest,
  caller: Caller,
  send: Send,
  remainingMs: number | undefined,
): Promise<Begun> {
  const { result } = await joins.begin(join, key, request, route.timeoutMs, async (more) => {
    await refusal?.check(route, request, remainingMs)
    return send(more)
  })
  caller.id = result.id
  return { result, isShared: true }
}
