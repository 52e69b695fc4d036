import { createServer, STATUS_CODES, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { Socket } from 'node:net'
import { LovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { Connections } from './connections.ts'
import type { ResolvedOptions } from './options.ts'
import { errorReply } from './reply.ts'
import { readTls } from './tls.ts'

/** Node's server with the limits that Fastify has no names for. */
export function listener(
  options: ResolvedOptions,
  connections: Connections,
  longestWaitMs: number,
  handler: Parameters<typeof createServer>[1] & {},
): Server {
  const { headersTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs, maxHeaderSize, tls } = options
  const limits = {
    maxHeaderSize,
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    // How exactly the two limits above are kept.
    connectionsCheckingInterval: Math.min(1_000, headersTimeoutMs),
    // A missing Host header is ours to refuse, in our form.
    requireHostHeader: false,
  }
  const server = tls
    ? createSecureServer({ ...limits, ...readTls(tls), handshakeTimeout: headersTimeoutMs }, handler)
    : createServer(limits, handler)
  // Node's own way to close connections takes a response for finished when its last part was written, not when it was
  // sent, and cuts it. Ours are closed by their count of requests.
  server.closeIdleConnections = () => {}
  server.timeout = Math.max(options.connectionTimeoutMs, longestWaitMs + 1_000)
  server.on('connection', (socket: Socket) => connections.opened(socket))
  // Under TLS requests come on a socket of their own, over the one that was accepted.
  server.on('secureConnection', (socket: Socket) => connections.wrapped(socket))
  const refuse = (error: NodeJS.ErrnoException, socket: Socket): void => {
    if (error.code === 'ECONNRESET' || !socket.writable || !connections.isQuiet(socket)) socket.destroy()
    else refuseRaw(error, socket, options)
  }
  server.on('clientError', refuse)
  server.on('connect', (_request, socket: Socket) => refuse(new Error('CONNECT is for proxies'), socket))
  return server
}

/** Answers what never became a request. */
function refuseRaw(error: NodeJS.ErrnoException, socket: Socket, { maxHeaderSize }: ResolvedOptions): void {
  const { status, headers, body } = errorReply(rawError(error, maxHeaderSize))
  log('info', 'gateway', 'request refused unread', { status, error: messageOf(error) })
  const lines = Object.entries({ ...headers, connection: 'close', 'content-length': Buffer.byteLength(body as string) })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head}\r\n${String(body)}`)
  socket.destroySoon()
}

function rawError({ code, message }: NodeJS.ErrnoException, limit: number): LovageError {
  if (code === 'HPE_HEADER_OVERFLOW') return new LovageError('HEADERS_TOO_LARGE', { limit })
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new LovageError('REQUEST_TIMEOUT')
  return new LovageError('REQUEST_INVALID', { problem: message.replace(/^Parse Error: /, '') })
}
