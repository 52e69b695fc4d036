import { isUtf8 } from 'node:buffer'
import { LovageError } from '../base/errors.ts'
import { unpack } from './compression.ts'

/** The content type of everything that Lovage writes, where nothing else is asked for. */
export const JSON_TYPE: string = 'application/json'

/** What kombu's msgpack says it is. */
export const MSGPACK_TYPE = 'application/x-msgpack'

/** What kombu's YAML says it is. */
export const YAML_TYPE = 'application/x-yaml'

/** Most bytes that a body may have when it is unpacked, where the caller says nothing. */
export const MAX_BODY_BYTES = 16 * 1024 * 1024

/** Celery's short names of serializers. Pickle is never read; it is here to be refused by its name. */
const SERIALIZERS: ReadonlyMap<string, string> = new Map([
  ['json', JSON_TYPE],
  ['yaml', YAML_TYPE],
  ['msgpack', MSGPACK_TYPE],
  ['pickle', 'application/x-python-serialize'],
])

/** What can be read, where it is accepted. */
const READABLE: readonly string[] = [JSON_TYPE, MSGPACK_TYPE, YAML_TYPE]

/** How bodies are read. */
export interface ContentLimits {
  /** Content types, or Celery's names of them. Default JSON; msgpack and YAML can be read too, pickle never. */
  readonly accept?: readonly string[]
  /** Most bytes of an unpacked body. Default 16 MiB. */
  readonly maxBodyBytes?: number
}

/** The encoded forms of a body and what they are. */
export interface Content {
  readonly contentType: string
  /** As in the header, e.g. `application/x-gzip`. */
  readonly compression?: string | undefined
  readonly body: Uint8Array
  /** Who wrote it, where that is known: to be named when it is refused. */
  readonly origin?: string | undefined
}

/**
 * The bytes of a body, unpacked.
 * @throws LovageError `CONTENT_REFUSED` for a content type that is not accepted (pickle never is) and for a compression
 *   that nobody here can read; `BODY_UNDECODABLE` for bytes that are not what they claim, or too many when unpacked
 */
export function bodyBytes({ contentType, compression, body, origin }: Content, limits: ContentLimits = {}): Uint8Array {
  assertAccepted(contentType, limits.accept, origin)
  return compression ? unpack(body, compression, limits.maxBodyBytes ?? MAX_BODY_BYTES) : body
}

/**
 * The text of a body, unpacked.
 * @throws LovageError as {@link bodyBytes}; `BODY_UNDECODABLE` also for what is not UTF-8
 */
export function bodyText(content: Content, limits: ContentLimits = {}): string {
  const bytes = bodyBytes(content, limits)
  if (!isUtf8(bytes)) {
    throw new LovageError('BODY_UNDECODABLE', { contentType: content.contentType, problem: 'it is not UTF-8' })
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

/**
 * Checks a content type against the list of those accepted. Parameters (`; charset=utf-8`) and case do not matter. `origin`
 * is who wrote it, for the error.
 * @throws LovageError `CONTENT_REFUSED`
 */
export function assertAccepted(contentType: string, accept: readonly string[] = [JSON_TYPE], origin = ''): void {
  if (contentType === JSON_TYPE && accept.includes(JSON_TYPE)) return
  const readable = accept.map(contentTypeOf).filter((name) => name !== undefined)
  if (readable.includes(bareType(contentType))) return
  throw new LovageError('CONTENT_REFUSED', {
    contentType: contentType || '(none)',
    sender: origin && ` (sent by ${origin})`,
    accepted: readable.join(', ') || 'nothing',
  })
}

/** The content type that a name means, Celery's or its own; undefined for what cannot be read here, whoever accepts it. */
export function contentTypeOf(name: string): string | undefined {
  const type = SERIALIZERS.get(name) ?? bareType(name)
  return READABLE.includes(type) ? type : undefined
}

/** A content type without its parameters, in small letters. */
export function bareType(contentType: string): string {
  return (contentType.split(';', 1)[0] as string).trim().toLowerCase()
}
