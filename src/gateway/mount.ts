import { AsyncLocalStorage } from 'node:async_hooks'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { FastifyPluginAsync, InjectOptions } from 'fastify'
import { isPreflight } from '../base/http-origins.ts'
import { pathMethods } from './path-methods.ts'
import type { Reply } from './reply.ts'
import type { HttpSide, ServedRoute } from './server.ts'

/** Whether the running code answers a request that came through another server, which has judged its Host. */
const inside = new AsyncLocalStorage<true>()

/** See above. */
export function isMounted(): boolean {
  return inside.getStore() === true
}

/** A request as plain data. */
export interface PlainRequest {
  /** Default `'GET'`. */
  readonly method?: string
  /** Path and query: `'/sum/1/2?x=3'`. */
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Aborts when nobody waits for the answer any more. */
  readonly signal?: AbortSignal
}

/** A middleware of Express, Connect, or of Node's own server. */
export type Middleware = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void

/** What a {@link Mount} stands on. */
export interface MountParts {
  readonly side: () => HttpSide
  readonly routes: () => readonly ServedRoute[]
  /** Longest body of any route, in bytes. */
  readonly bodyLimit: () => number
}

/** A gateway inside of another server: the same routes, limits and answers, and no port of its own. */
export class Mount {
  readonly #parts: MountParts
  #methodsOf: ((path: string) => readonly string[]) | undefined

  constructor(parts: MountParts) {
    this.#parts = parts
  }

  /** Answers a request that is plain data with plain data. */
  async relay({ url, method = 'GET', headers = {}, body, signal }: PlainRequest): Promise<Reply> {
    const { statusCode, rawPayload, ...response } = await this.#inject({
      method: method as 'GET',
      url,
      headers,
      ...(body === undefined ? undefined : { payload: typeof body === 'string' ? body : Buffer.from(body) }),
      ...(signal && { signal }),
    })
    return { status: statusCode, headers: flat(response.headers), body: rawPayload }
  }

  /** Answers a request of the Web's kind: `hono.mount('/api', web.mount.fetch)`, `export const POST = web.mount.fetch`. */
  readonly fetch = async (request: Request): Promise<Response> => {
    const { pathname, search, host } = new URL(request.url)
    const payload = request.body ? await bytesOf(request.body, this.#parts.bodyLimit()) : undefined
    const response = await this.#inject({
      method: request.method as 'GET',
      url: pathname + search,
      headers: {
        host,
        ...Object.fromEntries(request.headers),
        ...(payload && { 'content-length': `${payload.length}` }),
      },
      signal: request.signal,
      payloadAsStream: true,
      ...(payload && { payload }),
    })
    const { statusCode: status } = response
    const headers = Object.entries(flat(response.headers)).filter(([name]) => !HOP_BY_HOP.has(name))
    const isEmpty = status === 204 || status === 304 || request.method === 'HEAD'
    const body = isEmpty ? null : (Readable.toWeb(response.stream()) as ReadableStream<Uint8Array>)
    return new Response(body, { status, headers })
  }

  /** A middleware of Express: it answers what it has a route for, and passes on the rest. */
  readonly express: Middleware = (request, response, pass) => {
    const { method = '', url = '', headers } = request
    const methods = this.#methods(url.split('?', 1)[0] as string)
    if (!methods.includes(method) && !(methods.length > 0 && isPreflight(method, headers))) return pass()
    // What read the body before us has left it in a member; the stream is empty now.
    const isRead = request.readableDidRead && 'body' in request
    const answering = isRead ? this.#again(request, response) : this.#hand(request, response)
    answering.then(undefined, (error: unknown) => pass(error))
  }

  /** A plugin of Fastify: `fastify().register(web.mount.fastify, { prefix: '/api' })`. */
  readonly fastify: FastifyPluginAsync = async (server) => {
    server.removeAllContentTypeParsers()
    // The body is read behind it.
    server.addContentTypeParser('*', (_request, _payload, done) => done(null))
    for (const { methods, path } of this.#parts.routes()) {
      server.route({
        method: [...methods],
        url: path,
        exposeHeadRoute: false,
        handler: (request, reply) => {
          const { raw } = request
          if (raw.url?.startsWith(server.prefix)) raw.url = `/${raw.url.slice(server.prefix.length).replace(/^\//, '')}`
          for (const [name, value] of Object.entries(reply.getHeaders())) reply.raw.setHeader(name, value as string)
          reply.hijack()
          this.#hand(raw, reply.raw).catch(() => raw.destroy())
        },
      })
    }
  }

  #methods(path: string): readonly string[] {
    this.#methodsOf ??= pathMethods(this.#parts.routes())
    return this.#methodsOf(path)
  }

  async #hand(request: IncomingMessage, response: ServerResponse): Promise<void> {
    await inside.run(true, () => this.#parts.side().handle?.(request, response))
  }

  #inject(request: InjectOptions) {
    return inside.run(true, () => this.#parts.side().inject(request))
  }

  async #again(request: IncomingMessage & { body?: unknown }, response: ServerResponse): Promise<void> {
    const { method, url = '', headers } = request
    const { 'content-length': _length, 'transfer-encoding': _encoding, ...kept } = headers
    const type = headers['content-type'] ?? ''
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    const answer = await this.relay({
      ...(method !== undefined && { method }),
      url,
      headers: kept as Record<string, string>,
      signal: gone.signal,
      ...(request.body !== undefined && { body: written(request.body, type) }),
    })
    response.writeHead(answer.status, answer.headers).end(answer.body)
  }
}

/** Headers of a connection, which a response of the Web's kind has not. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding'])

function flat(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
}

/** A body that others have parsed, as it may have been sent. */
function written(body: unknown, type: string): string | Uint8Array {
  if (typeof body === 'string' || body instanceof Uint8Array) return body
  if (/^application\/x-www-form-urlencoded/i.test(type)) {
    const pairs = Object.entries(body as object).flatMap(([name, value]) =>
      [value].flat().map((one) => [name, String(one)]),
    )
    return new URLSearchParams(pairs as [string, string][]).toString()
  }
  return type === '' ? '' : JSON.stringify(body)
}

/** All bytes, or the first few of too many: whoever is given them refuses more than the limit. */
async function bytesOf(stream: ReadableStream<Uint8Array>, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of stream) {
    chunks.push(chunk)
    size += chunk.length
    if (size > limit) break
  }
  return Buffer.concat(chunks)
}
