import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { isLovageError, LovageError, messageOf } from '../base/errors.ts'
import { hostCheck } from '../base/host-check.ts'
import { log } from '../base/log.ts'
import type { ApiError } from './api.ts'
import type { ResolvedOptions } from './options.ts'
import type { WebFile, WebFiles } from './web-files.ts'

/** Longest path with query, in bytes: a filter of 2,000 characters, each escaped, fits in. */
const MOST_URL = 8 * 1024

/** Largest body of a request. */
const MOST_BODY = 2 ** 20

const SECURE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const

/** Statuses of errors; what is not here is 500. */
const STATUS: Readonly<Record<string, number>> = {
  FILTER_INVALID: 400,
  OPTION_INVALID: 400,
  ARGUMENTS_INVALID: 400,
  BODY_INVALID: 400,
  URL_INVALID: 400,
  LOGIN_NEEDED: 401,
  LOGIN_FAILED: 401,
  ORIGIN_REFUSED: 403,
  ROLE_NEEDED: 403,
  ACTION_UNKNOWN: 404,
  DASHBOARD_UNKNOWN: 404,
  ROUTE_UNKNOWN: 404,
  SCHEDULE_UNKNOWN: 404,
  BODY_TOO_LARGE: 413,
  URL_TOO_LONG: 414,
  ACTION_REFUSED: 409,
  JSON_NEEDED: 415,
  MEDIA_TYPE_UNSUPPORTED: 415,
  HOST_REFUSED: 421,
  LOGIN_WAIT: 429,
  CAPABILITY_MISSING: 501,
  BROKER_CLOSED: 503,
  BROKER_REFUSED: 503,
  BROKER_UNREACHABLE: 503,
  PUBLISH_TIMEOUT: 503,
  STORE_UNREACHABLE: 503,
  READERS_TOO_MANY: 503,
  PAGES_MISSING: 503,
}

/** Builds the server; it has no routes but those of the pages, and does not listen yet. */
export function openServer(options: ResolvedOptions, web: WebFiles): FastifyInstance {
  const hostAllowed = hostCheck(options.allowedHosts, options.host)
  const server = fastify({
    logger: false,
    exposeHeadRoutes: false,
    bodyLimit: MOST_BODY,
    requestTimeout: 30_000,
    keepAliveTimeout: 65_000,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 1024, ignoreTrailingSlash: true },
    http: { maxHeaderSize: 16 * 1024, headersTimeout: 10_000, requireHostHeader: false },
    frameworkErrors: (error, _request, reply) => {
      void reply.headers(SECURE_HEADERS)
      answerError(reply, error)
    },
  })
  server.addHook('onRequest', (request, reply, next) => {
    void reply.headers(SECURE_HEADERS)
    const { url = '', headers } = request.raw
    if (!hostAllowed(headers.host)) return next(new LovageError('HOST_REFUSED', { host: shownHost(headers.host) }))
    if (url.length > MOST_URL) return next(new LovageError('URL_TOO_LONG', { limit: MOST_URL }))
    // A full URL here would name a host of its own, which nobody has checked.
    if (!url.startsWith('/')) return next(new LovageError('URL_INVALID', { problem: 'it does not begin with /' }))
    if (isOfApi(url)) void reply.header('cache-control', 'no-store')
    next()
  })
  server.setErrorHandler((error, _request, reply) => answerError(reply, error))
  server.setNotFoundHandler((request, reply) => {
    const path = pathOf(request)
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    const file = isRead && !isOfApi(path) ? web.get(path) : undefined
    if (file) return sendFile(request, reply, file)
    if (!isRead || isOfApi(path) || /\.\w+$/.test(path)) {
      return answerError(reply, new LovageError('ROUTE_UNKNOWN', { method: request.method, path: path.slice(0, 200) }))
    }
    const page = web.get('/index.html')
    if (!page) return answerError(reply, new LovageError('PAGES_MISSING'))
    return sendFile(request, reply, page)
  })
  return server
}

/** An error as every part of the API answers it. */
export function answerError(reply: FastifyReply, error: unknown): FastifyReply {
  const { status, body } = errorAnswer(error)
  if (isLovageError(error, 'LOGIN_WAIT')) void reply.header('retry-after', String(error.details['retryAfterS']))
  return reply.code(status).header('cache-control', 'no-store').send(body)
}

function errorAnswer(error: unknown): { readonly status: number; readonly body: ApiError } {
  if (isLovageError(error)) {
    const { code, message, fix } = error
    const status = STATUS[code] ?? 500
    const at = typeof error.details['at'] === 'number' ? { at: error.details['at'] } : undefined
    if (status === 500) log('error', 'dashboard', 'a request failed', { code, error: message })
    return { status, body: { code, message, fix, ...at } }
  }
  // Fastify's own: a body that is too large or no JSON, a path that is no URL.
  const { statusCode, code = 'REQUEST_INVALID' } = (error ?? {}) as { statusCode?: number; code?: string }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return { status: statusCode, body: { code: code.replace(/^FST_ERR_/, ''), message: messageOf(error) } }
  }
  log('error', 'dashboard', 'a request failed', { error })
  return { status: 500, body: { code: 'HANDLER_FAILED', message: 'The request could not be handled: see the log' } }
}

function sendFile(request: FastifyRequest, reply: FastifyReply, file: WebFile): FastifyReply {
  const { type, etag, bytes, gzip, isImmutable } = file
  void reply
    .header('content-type', type)
    .header('etag', etag)
    .header('vary', 'accept-encoding')
    .header('cache-control', isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache')
  if (request.headers['if-none-match'] === etag) return reply.code(304).send()
  const packed = gzip && /\bgzip\b/.test(request.headers['accept-encoding'] ?? '') ? gzip : undefined
  if (packed) void reply.header('content-encoding', 'gzip')
  return reply.code(200).send(packed ?? bytes)
}

function isOfApi(url: string): boolean {
  return url === '/api' || url.startsWith('/api/') || url.startsWith('/api?')
}

function pathOf({ raw }: FastifyRequest): string {
  return raw.url?.split(/[?#]/, 1)[0] ?? ''
}

function shownHost(host: string | undefined): string {
  return host === undefined ? '(none)' : JSON.stringify(host.slice(0, 256))
}
