import { deflateSync, unzipSync } from 'node:zlib'
import { isUtf8 } from 'node:buffer'
import { LovageError, messageOf } from '../base/errors.ts'

/** The content type of everything that Lovage writes. */
export const JSON_TYPE: string = 'application/json'

/** What kombu calls gzip and zlib alike; the bytes are a zlib stream (RFC 1950), no gzip file. */
export const ZLIB_TYPE = 'application/x-gzip'

/** Most bytes that a body may have when it is unpacked, where the caller says nothing. */
export const MAX_BODY_BYTES = 16 * 1024 * 1024

/** Celery's short names of serializers. Only JSON is read; the others are here to be refused by their name. */
const SERIALIZERS: ReadonlyMap<string, string> = new Map([
  ['json', JSON_TYPE],
  ['yaml', 'application/x-yaml'],
  ['msgpack', 'application/x-msgpack'],
  ['pickle', 'application/x-python-serialize'],
])

const COMPRESSIONS: ReadonlyMap<string, string> = new Map([
  ['gzip', ZLIB_TYPE],
  ['zlib', ZLIB_TYPE],
])

/** How bodies are read. */
export interface ContentLimits {
  /** Content types, or Celery's names of them. Default JSON; nothing else can be read, whatever stands here. */
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
}

/**
 * The text of a JSON body, unpacked.
 * @throws LovageError `CONTENT_REFUSED` for a content type that is not accepted (pickle never is) and for a compression
 *   that is not zlib; `BODY_UNDECODABLE` for bytes that are not what they claim, or too many when unpacked
 */
export function bodyText(content: Content, limits: ContentLimits = {}): string {
  assertAccepted(content.contentType, limits.accept)
  const bytes = unpack(content, limits.maxBodyBytes ?? MAX_BODY_BYTES)
  if (!isUtf8(bytes)) {
    throw new LovageError('BODY_UNDECODABLE', { contentType: content.contentType, problem: 'it is not UTF-8' })
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

/**
 * Checks a content type against the list of those accepted. Parameters (`; charset=utf-8`) and case do not matter.
 * @throws LovageError `CONTENT_REFUSED`
 */
export function assertAccepted(contentType: string, accept: readonly string[] = [JSON_TYPE]): void {
  if (contentType === JSON_TYPE && accept.includes(JSON_TYPE)) return
  const type = (contentType.split(';', 1)[0] as string).trim().toLowerCase()
  const readable = accept.map((name) => SERIALIZERS.get(name) ?? name).filter((name) => name === JSON_TYPE)
  if (readable.includes(type)) return
  throw new LovageError('CONTENT_REFUSED', {
    contentType: contentType || '(none)',
    accepted: readable.join(', ') || 'nothing',
  })
}

/** A body packed as Celery's `compression='gzip'` (or `'zlib'`, the same) does it, and what goes into the header. */
export function pack(body: Uint8Array): { body: Uint8Array; compression: string } {
  return { body: deflateSync(body), compression: ZLIB_TYPE }
}

function unpack({ body, compression }: Content, maxBytes: number): Uint8Array {
  if (!compression) return body
  if ((COMPRESSIONS.get(compression) ?? compression) !== ZLIB_TYPE) {
    throw new LovageError('CONTENT_REFUSED', { contentType: `compression ${compression}`, accepted: ZLIB_TYPE })
  }
  try {
    // Reads gzip files too, which producers other than kombu may send under this name.
    return unzipSync(body, { maxOutputLength: maxBytes })
  } catch (error) {
    const tooMuch = error instanceof RangeError
    const problem = tooMuch ? `it unpacks to more than ${maxBytes} bytes` : messageOf(error)
    throw new LovageError('BODY_UNDECODABLE', { contentType: compression, problem })
  }
}
