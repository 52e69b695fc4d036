import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'

/** A request as a handler sees it. */
export interface FaceRequest {
  /** What the parts of the path that begin with a colon are, decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  /** Of a POST; else empty. */
  readonly body: string
}

export type FaceHandler = (request: FaceRequest, response: ServerResponse) => void | Promise<void>

interface Route {
  readonly method: string
  readonly parts: readonly string[]
  readonly handler: FaceHandler
}

/** A request that is answered with a status and a sentence. */
export class Refused extends Error {
  readonly status: number

  constructor(status: number, why: string = REASONS[status] ?? 'Refused') {
    super(why)
    this.status = status
  }
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Asked by a page of another origin',
  404: 'Not Found',
  413: 'Payload Too Large',
  421: 'This machine is not known by that name: use its address or its host name, or add the name to allowed_hosts=',
  500: 'Internal Server Error',
}

/** Which handler answers which path. What a path ends in, `*` takes whole. */
export class FaceRouter {
  readonly #routes: Route[] = []
  readonly #bodyLimit: number

  /** @param bodyLimit bytes that a request may have */
  constructor(bodyLimit: number) {
    this.#bodyLimit = bodyLimit
  }

  get(path: string, handler: FaceHandler): void {
    this.#routes.push({ method: 'GET', parts: path.split('/'), handler })
  }

  post(path: string, handler: FaceHandler): void {
    this.#routes.push({ method: 'POST', parts: path.split('/'), handler })
  }

  /**
   * Answers a request.
   * @throws Refused and whatever a handler throws
   */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = '/', headers } = request
    const [path = '/'] = url.split('?', 1)
    const parts = path.split('/')
    for (const route of this.#routes) {
      if (route.method !== method) continue
      const params = paramsOf(route.parts, parts)
      if (!params) continue
      const query = new URLSearchParams(url.slice(path.length + 1))
      const body = method === 'POST' ? await this.#bodyOf(request) : ''
      return route.handler({ params, query, headers, body }, response)
    }
    throw new Refused(404)
  }

  async #bodyOf(request: IncomingMessage): Promise<string> {
    if (Number(request.headers['content-length'] ?? 0) > this.#bodyLimit) throw new Refused(413)
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of request) {
      size += (chunk as Buffer).length
      if (size > this.#bodyLimit) throw new Refused(413)
      chunks.push(chunk as Buffer)
    }
    return chunks.length === 1 ? (chunks[0] as Buffer).toString() : Buffer.concat(chunks).toString()
  }
}

function paramsOf(pattern: readonly string[], parts: readonly string[]): Record<string, string> | undefined {
  const isOpen = pattern.at(-1) === '*'
  if (isOpen ? parts.length < pattern.length : parts.length !== pattern.length) return undefined
  const params: Record<string, string> = {}
  for (const [i, part] of pattern.entries()) {
    if (part === '*') return params
    const given = parts[i] as string
    if (part.startsWith(':') && given !== '') params[part.slice(1)] = decoded(given)
    else if (part !== given) return undefined
  }
  return params
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Refused(400)
  }
}

/** Answers with a text, all of it at once. */
export function sendText(
  response: ServerResponse,
  type: string,
  text: string,
  { status = 200, headers = {} }: { status?: number; headers?: Readonly<Record<string, string>> } = {},
): void {
  const bytes = Buffer.from(text)
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length, ...headers })
  response.end(bytes)
}
