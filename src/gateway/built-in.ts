import type { App } from '../app/app.ts'
import type { Events } from './events.ts'
import { healthReply, type Readiness } from './health.ts'
import type { Metrics } from './metrics.ts'
import type { OpenApi } from './openapi.ts'
import type { ResolvedOptions } from './options.ts'
import type { Desk } from './relay.ts'
import { jsonReply } from './reply.ts'
import type { Method } from './route.ts'
import type { ServedRoute } from './server.ts'
import { taskRevokeReply, taskStateReply } from './task-state.ts'

/** What the routes of a gateway's own stand on. */
export interface BuiltInParts {
  readonly app: App
  readonly desk: Desk
  readonly options: ResolvedOptions
  readonly readiness: Readiness
  readonly metrics: Metrics | undefined
  readonly events: Events
  readonly openapi: () => OpenApi
}

/** Routes of its own, each only where the user has none of that name. */
export function builtInRoutes(
  users: readonly ServedRoute[],
  { app, desk, options, readiness, metrics, events, openapi }: BuiltInParts,
): ServedRoute[] {
  const sources = { app, tickets: desk.tickets, exposeErrors: options.exposeErrors }
  const own: (readonly [method: Method, path: string, answer: ServedRoute['answer']])[] = [
    ['GET', '/healthz', healthReply],
    ['GET', '/readyz', () => readiness.check()],
    ...(metrics ? [['GET', '/metrics', () => metrics.reply()] as const] : []),
    ...(options.openapi ? [['GET', '/openapi.json', () => jsonReply(200, openapi())] as const] : []),
    ['GET', '/tasks/:id', ({ params }) => taskStateReply(params['id'] as string, sources)],
    ['GET', '/tasks/:id/events', (request) => events.reply(request.params['id'] as string, request)],
    ['DELETE', '/tasks/:id', (request) => taskRevokeReply(request.params['id'] as string, request, sources)],
  ]
  return own
    .filter(([method, path]) => !users.some((its) => its.path === path && its.methods.includes(method)))
    .map(([method, path, answer]) => {
      // Who wants no body wants no events.
      const methods = method === 'GET' && !path.endsWith('/events') ? ['GET', 'HEAD'] : [method]
      return { methods, path, bodyLimit: undefined, raw: false, answer }
    })
}
