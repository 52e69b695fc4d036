import { isUtf8 } from 'node:buffer'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { LovageError, messageOf } from '../base/errors.ts'
import { decodeRawJson, isMisread } from '../protocol/json.ts'
import type { Exchange } from './exchange.ts'

type Done = (error: Error | null, body?: unknown) => void

/** A form with more fields than this is refused: each costs far more than its bytes. */
const MOST_FIELDS = 10_000

/**
 * How bodies are read: JSON, forms, text and XML as text, bytes as bytes. Each is kept as it came in `exchange.raw`, for
 * signatures. A route with `body: 'raw'` takes any media type, as bytes.
 */
export function readBodies(server: FastifyInstance): void {
  server.removeAllContentTypeParsers()
  const parseJson = server.getDefaultJsonParser('error', 'error')

  const parser = (read: (bytes: Buffer, request: FastifyRequest, done: Done) => void) => {
    return (request: FastifyRequest, bytes: Buffer, done: Done): void => {
      const exchange = exchangeOf(request)
      exchange.raw = bytes
      if (isRaw(request)) return done(null, bytes)
      try {
        read(bytes, request, done)
      } catch (error) {
        done(error as Error)
      }
    }
  }

  const json = parser((bytes, request, done) => {
    if (bytes.length === 0) return done(null, undefined)
    const text = utf8(bytes, 'JSON')
    void parseJson(request, text, (error, body) => {
      const problem = error ? faultOf(text) : undefined
      if (problem) return done(new LovageError('BODY_INVALID', { expected: 'JSON', problem }))
      if (!isMisread(text)) return done(null, body)
      try {
        body = decodeRawJson(text)
      } catch (fault) {
        return done(new LovageError('BODY_INVALID', { expected: 'JSON', problem: shortened(messageOf(fault)) }))
      }
      done(null, body)
    })
  })
  const form = parser((bytes, _request, done) => done(null, readForm(utf8(bytes, 'form'))))
  const text = parser((bytes, request, done) => done(null, readText(bytes, request.headers['content-type'] ?? '')))
  const bytes = parser((body, _request, done) => done(null, body))
  const refuse = parser((_body, request) => {
    throw new LovageError('MEDIA_TYPE_UNSUPPORTED', {
      contentType: JSON.stringify(request.headers['content-type'] ?? ''),
    })
  })

  const add = (type: string | RegExp, parse: typeof json): void => {
    server.addContentTypeParser(type, { parseAs: 'buffer' }, parse)
  }
  add('application/json', json)
  add(/^application\/[\w.-]+\+json/i, json)
  add('application/x-www-form-urlencoded', form)
  add(/^text\//i, text)
  add(/^application\/(?:[\w.-]+\+)?xml/i, text)
  add('application/octet-stream', bytes)
  // Also a body without any type.
  add('*', (request, body, done) => (request.headers['content-type'] ? refuse : bytes)(request, body, done))
}

/** A request with the exchange that is made for it in the first hook. */
export interface Exchanged extends FastifyRequest {
  exchange: Exchange
}

export function exchangeOf(request: FastifyRequest): Exchange {
  return (request as Exchanged).exchange
}

function isRaw(request: FastifyRequest): boolean {
  return (request.routeOptions.config as { raw?: boolean } | undefined)?.raw === true
}

function utf8(bytes: Buffer, expected: string): string {
  // Decoding would replace bad bytes in silence.
  if (!isUtf8(bytes)) throw new LovageError('BODY_INVALID', { expected, problem: 'it is not UTF-8' })
  return bytes.toString('utf8')
}

/** A text in the character set that its content type names; without one, UTF-8. */
function readText(bytes: Buffer, contentType: string): string {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(contentType)?.[1] ?? 'utf-8'
  if (/^utf-?8$/i.test(charset)) return utf8(bytes, 'text')
  const decoder = decoderOf(charset)
  if (!decoder) throw new LovageError('MEDIA_TYPE_UNSUPPORTED', { contentType: JSON.stringify(contentType) })
  try {
    return decoder.decode(bytes)
  } catch {
    throw new LovageError('BODY_INVALID', { expected: 'text', problem: `it is not ${charset.toLowerCase()}` })
  }
}

function decoderOf(charset: string): { decode(bytes: Uint8Array): string } | undefined {
  try {
    return new TextDecoder(charset, { fatal: true })
  } catch {
    return undefined
  }
}

/** Names to values; a name that comes again makes a list. */
function readForm(text: string): Readonly<Record<string, string | string[]>> {
  const fields: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>
  const pairs = text.split('&')
  if (pairs.length > MOST_FIELDS) {
    throw new LovageError('BODY_INVALID', { expected: 'form', problem: `it has more than ${MOST_FIELDS} fields` })
  }
  for (const pair of pairs) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decodeField(equals === -1 ? pair : pair.slice(0, equals))
    const value = equals === -1 ? '' : decodeField(pair.slice(equals + 1))
    const known = fields[name]
    if (Array.isArray(known)) known.push(value)
    else fields[name] = known === undefined ? value : [known, value]
  }
  return fields
}

function decodeField(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw new LovageError('BODY_INVALID', { expected: 'form', problem: 'an escape in it is not UTF-8' })
  }
}

/** Why Fastify refuses a text as JSON. */
function faultOf(text: string): string {
  try {
    JSON.parse(text)
    return 'it has a member __proto__, or a constructor with a prototype'
  } catch (error) {
    return shortened(messageOf(error))
  }
}

function shortened(problem: string): string {
  return problem.length > 200 ? `${problem.slice(0, 197)}...` : problem
}
