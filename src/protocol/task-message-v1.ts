import { isLovageError, LovageError } from '../base/errors.ts'
import { bareType, type ContentLimits, JSON_TYPE } from './content.ts'
import { textField } from './header-fields.ts'
import { writeJson } from './json-write.ts'
import type { Message } from './message.ts'
import { pythonRepr } from './python-repr.ts'
import { deserializeRaw } from './serializer.ts'
import { isRecord } from './signature.ts'
import { isNaive } from './zoned-time.ts'

/** A protocol 1 body, read: its fields under the names of the headers, and the body of protocol 2 that it stands for. */
export interface ObjectBody {
  readonly fields: Readonly<Record<string, unknown>>
  readonly body: Uint8Array
}

/**
 * Reads the body of a message that may be of protocol 1 (no task header) or hybrid (task header, body an object).
 * Undefined: it is of protocol 2.
 * @throws LovageError `MESSAGE_INVALID`, `CONTENT_REFUSED`, `BODY_UNDECODABLE`
 */
export function readObjectBody(message: Message, limits: ContentLimits): ObjectBody | undefined {
  const hasTask = Boolean(textField(message.headers, 'task'))
  const compression = textField(message.headers, 'compression') ?? undefined
  if (!hasTask) return convert(decodeObject(message, compression, limits), isJson(message))
  // A look at the first byte spares parsing the body in the process that reads headers only. Packed hybrids, which nobody
  // sends, are left to the reader of the body.
  if (compression !== undefined || !beginsObject(message.body)) return undefined
  try {
    const decoded = decodeObject(message, compression, limits)
    return 'args' in decoded ? convert(decoded, isJson(message)) : undefined
  } catch (error) {
    // The headers stand by themselves: what is wrong with the body becomes the outcome of a task that has a name.
    if (isLovageError(error)) return undefined
    throw error
  }
}

function isJson({ contentType }: Message): boolean {
  return bareType(contentType) === JSON_TYPE
}

function decodeObject(
  { contentType, body }: Message,
  compression: string | undefined,
  limits: ContentLimits,
): Record<string, unknown> {
  const decoded = deserializeRaw({ contentType, compression, body }, limits)
  if (isRecord(decoded) && ('task' in decoded || 'args' in decoded)) return decoded
  throw new LovageError('MESSAGE_INVALID', { problem: 'neither headers nor body name a task' })
}

function convert(old: Record<string, unknown>, isJson: boolean): ObjectBody {
  const { args = [], kwargs = {}, callbacks = null, errbacks = null, chord = null, ...fields } = old
  const embed = { callbacks, errbacks, chain: null, chord }
  // Values that were read are passed on as they came, NaN and typed objects among them.
  const text = writeJson([args, kwargs, embed], { typed: !isJson, path: '$', nonFinite: true })
  return {
    body: Buffer.from(text, 'latin1'),
    fields: {
      ...fields,
      eta: inUtc(fields.eta, fields.utc),
      expires: inUtc(fields.expires, fields.utc),
      group: fields.taskset ?? fields.group,
      argsrepr: fields.argsrepr ?? pythonRepr(args),
      kwargsrepr: fields.kwargsrepr ?? pythonRepr(kwargs),
    },
  }
}

/** Protocol 1 says apart from its times whether they are UTC; without an offset of their own they say nothing of it. */
function inUtc(time: unknown, utc: unknown): unknown {
  return typeof time === 'string' && utc !== false && isNaive(time) ? `${time}+00:00` : time
}

function beginsObject(body: Uint8Array): boolean {
  for (const byte of body) {
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte === 0x7b
  }
  return false
}
