import type { Message } from '../../protocol/message.ts'

/**
 * Several results in one message, for a client of ours that says it reads them (see {@link readsPacks}): RabbitMQ spends
 * as much on a message of 100 bytes as on one of a thousand. Each stands as it would alone: the length of what is said of it
 * (four bytes, big end first), that as JSON, the length of its body, its body.
 */
export const PACK_TYPE = 'application/x-lovage-results'

/** What is told of a result beside its body, under short names: they are said for each. */
interface Said {
  /** Content type, encoding, headers, correlation id. */
  readonly t: string
  readonly e: string
  readonly h?: Readonly<Record<string, unknown>>
  readonly c?: string
}

/** As it is given to be written: what is undefined is left out. */
type Written = Pick<Said, 't' | 'e' | 'h'> & { readonly c: string | undefined }

/** A packed result: what reading one asks of a message. */
export type Packed = Pick<Message, 'headers' | 'body' | 'contentType' | 'contentEncoding' | 'correlationId'>

/** At the end of the name of a reply queue: who reads it takes packs. Python's clients name theirs by a uuid alone. */
const READS_PACKS = '.packs'

/** Name for the reply queue of a client that reads packs. */
export function packedQueue(id: string): string {
  return id + READS_PACKS
}

export function readsPacks(queue: string): boolean {
  return queue.endsWith(READS_PACKS)
}

/** Bytes that a message takes in a pack, about: what bounds a pack need not be exact. */
export function packedSize({ body, headers, correlationId = '' }: Packed): number {
  const said = Object.keys(headers).length * 40
  return body.length + correlationId.length + said + 100
}

/** One message of several, whose headers are plain values; it is persistent when one of them is. */
export function packed(messages: readonly Message[]): Message {
  // Each text and each body once, into one piece of memory.
  const texts = messages.map(saidOf)
  let size = 0
  for (const [i, { body }] of messages.entries()) size += 8 + Buffer.byteLength(texts[i] as string) + body.length
  const bytes = Buffer.allocUnsafe(size)
  let at = 0
  for (const [i, { body }] of messages.entries()) {
    const written = bytes.write(texts[i] as string, at + 4)
    bytes.writeUInt32BE(written, at)
    at = bytes.writeUInt32BE(body.length, at + 4 + written)
    bytes.set(body, at)
    at += body.length
  }
  return {
    headers: {},
    body: bytes,
    contentType: PACK_TYPE,
    contentEncoding: 'binary',
    deliveryMode: messages.some(({ deliveryMode }) => deliveryMode === 2) ? 2 : 1,
    priority: 0,
  }
}

/** @throws RangeError, SyntaxError or TypeError where the body is no pack */
export function unpacked(pack: Uint8Array): Packed[] {
  const bytes = Buffer.from(pack.buffer, pack.byteOffset, pack.byteLength)
  let at = 0
  const next = (): Buffer => {
    const length = bytes.readUInt32BE(at)
    const from = at + 4
    if (from + length > bytes.length) throw new RangeError(`a part of ${length} bytes ends behind the pack`)
    at = from + length
    return bytes.subarray(from, at)
  }
  const found: Packed[] = []
  while (at < bytes.length) {
    const { t, e, h = {}, c } = JSON.parse(next().toString()) as Said
    if (typeof t !== 'string' || typeof e !== 'string') throw new TypeError('a part does not say what it is')
    const headers = h as Packed['headers']
    found.push({
      contentType: t,
      contentEncoding: e,
      headers,
      body: next(),
      ...(typeof c === 'string' && { correlationId: c }),
    })
  }
  return found
}

function saidOf({ contentType: t, contentEncoding: e, headers, correlationId: c }: Packed): string {
  for (const _ in headers) return JSON.stringify({ t, e, h: headers, c } satisfies Written)
  return JSON.stringify({ t, e, c } satisfies Written)
}
