import type { FastifyRequest } from 'fastify'
import { LovageError } from '../base/errors.ts'
import { originCheck } from '../base/http-origins.ts'
import type { AuditEntry, Role } from './api.ts'
import { AuditLog } from './audit.ts'
import { Door, type Means } from './auth.ts'
import { mayAct } from './auth-users.ts'
import { type DashboardContext, type DashboardPart, identify, identityOf } from './context.ts'
import { isOfFlower } from './flower-paths.ts'
import { Redactor } from './redact.ts'
import { sessionOf } from './session.ts'

/** What anybody may ask for without having said who they are; the pages themselves have nothing in them. */
const OPEN = new Set(['GET /healthcheck', 'POST /api/v1/login', 'POST /api/v1/logout'])

/** What workers, brokers and hosts tell of themselves, as values; of tasks secrets are taken out before they are kept. */
const TOLD = new Set([
  '/api/v1/workers/:name',
  '/api/v1/queues/:name/dead',
  '/api/v1/tasks/:id/why',
  '/api/v1/processes',
])

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Longest name and password that are looked at. */
const MOST_TEXT = 1_000

/**
 * Lets people in, and only requests that they meant. There is no second token in forms ("double submit") because none
 * would be left to guess: a browser sends the cookie to no request that a page of another site began (`SameSite=Strict`),
 * says with each POST which page began it (`Origin`, `Sec-Fetch-Site`; no page can change that), and asks beforehand before
 * it sends JSON for another site, which is never granted here. Each of the three is enough, and all are checked.
 */
export const guard: DashboardPart = async (server, context) => {
  const { options, clock } = context
  const door = new Door(options, clock)
  const origins = originCheck(options.allowedOrigins)
  const audit = auditOf(context)
  await audit.start()
  context.onStop(() => audit.stop())

  const foreign = (request: FastifyRequest, means: Means | undefined): LovageError | undefined => {
    const { method, headers } = request
    const refusal = origins.refusal(method, headers)
    if (refusal || SAFE.has(method)) return refusal
    // A browser says where a POST comes from; what has the cookie and says nothing is no browser that we know.
    const isSilent = headers.origin === undefined && headers['sec-fetch-site'] === undefined
    return isSilent && means === 'cookie' ? new LovageError('ORIGIN_REFUSED', { origin: '(none)' }) : undefined
  }

  const writeWrong = (request: FastifyRequest, name: string): Promise<void> => {
    const entry = { user: name.slice(0, 100), action: 'login', target: '', options: {} }
    const { message } = new LovageError('LOGIN_FAILED')
    return audit.write({ ...entry, ...about(request, context), outcome: 'refused', text: message })
  }

  server.addHook('onRequest', async (request, reply) => {
    const { method, routeOptions } = request
    const path = (request.raw.url ?? '').split(/[?#]/, 1)[0] ?? ''
    const caller = door.isLocked ? await door.callerOf(request, (name) => writeWrong(request, name)) : undefined
    if (caller) identify(request, caller.identity, caller.holds)
    const refusal = foreign(request, caller?.means)
    if (refusal) throw refusal
    if (!SAFE.has(method) && path.startsWith('/api/v1/') && !isJson(request)) throw new LovageError('JSON_NEEDED')
    if (!door.isLocked || caller) return
    const isPage = routeOptions.url === undefined && !path.startsWith('/api') && !isOfFlower(path)
    if (isPage || OPEN.has(`${method} ${routeOptions.url}`)) return
    if (options.publicMetrics && path === '/metrics') return
    if (!isOfFlower(path)) throw new LovageError('LOGIN_NEEDED')
    // Told so, browsers ask for name and password by themselves; the pages have a form for it.
    void reply.header('www-authenticate', 'Basic realm="flower"')
    await reply.code(401).type('text/plain; charset=utf-8').send('Access denied')
  })

  const redactor = new Redactor(options.redact)
  server.addHook('preSerialization', (request, _reply, payload, done) => {
    done(null, TOLD.has(request.routeOptions.url ?? '') ? redactor.value(payload) : payload)
  })

  server.post('/api/v1/login', { bodyLimit: 16 * 1024 }, async (request, reply) => {
    const { user, password } = (request.body ?? {}) as Record<string, unknown>
    if (typeof user !== 'string' || typeof password !== 'string' || user.length + password.length > MOST_TEXT) {
      throw new LovageError('LOGIN_FAILED')
    }
    if (!door.isLocked) return sessionOf(context, identityOf(request))
    const entry = { user: user.slice(0, 100), action: 'login', target: '', options: {} }
    try {
      const identity = await door.logIn(user, password, request.ip, reply)
      identify(request, identity)
      await audit.write({ ...entry, ...about(request, context), outcome: 'done', text: 'Logged in' })
      return sessionOf(context, identity)
    } catch (error) {
      if (error instanceof LovageError && error.code === 'LOGIN_FAILED') {
        await writeWrong(request, user)
      }
      throw error
    }
  })
  server.post('/api/v1/logout', (request, reply) => {
    door.logOut(request, reply)
    return reply.code(204).send()
  })
  server.get('/api/v1/audit', (request) => {
    demand(request, 'operate', 'the audit log')
    const { limit } = request.query as { limit?: string }
    const most = Number(limit ?? 200)
    return { entries: audit.list(Number.isSafeInteger(most) && most > 0 ? Math.min(most, 1_000) : 200) }
  })
}

/** @throws LovageError `ROLE_NEEDED` */
export function demand(request: FastifyRequest, needed: Role, what: string): void {
  const { role } = identityOf(request)
  if (!mayAct(role, needed)) throw new LovageError('ROLE_NEEDED', { what, needed, role })
}

/** When, and from where. */
function about({ ip }: FastifyRequest, { clock }: DashboardContext): Pick<AuditEntry, 'atMs' | 'from'> {
  return { atMs: clock.now(), from: ip }
}

const logs = new WeakMap<DashboardContext, AuditLog>()

/** The one audit log of a dashboard. */
export function auditOf(context: DashboardContext): AuditLog {
  const known = logs.get(context)
  if (known) return known
  const made = new AuditLog(context.data, context.options.auditBytes)
  logs.set(context, made)
  return made
}

/** Writes down that somebody did something, or was not let. */
export function writeDown(
  request: FastifyRequest,
  context: DashboardContext,
  what: Pick<AuditEntry, 'action' | 'target' | 'options' | 'outcome' | 'text'>,
): Promise<void> {
  const user = identityOf(request).user ?? 'anybody'
  return auditOf(context).write({ ...about(request, context), user, ...what })
}

function isJson({ headers }: FastifyRequest): boolean {
  return /^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '')
}
