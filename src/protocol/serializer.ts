import type * as Msgpack from '@msgpack/msgpack'
import type * as Yaml from 'yaml'
import { LovageError, messageOf } from '../base/errors.ts'
import {
  bareType,
  bodyBytes,
  bodyText,
  type Content,
  type ContentLimits,
  JSON_TYPE,
  MSGPACK_TYPE,
  YAML_TYPE,
} from './content.ts'
import { formatIsoNaive } from './iso-time.ts'
import { decodeJson, decodeRawJson, encodeJson, type JsonTypes } from './json.ts'
import { MAX_DEPTH } from './json-limits.ts'
import { assertWhole } from './msgpack-size.ts'
import { loadPackage } from './optional-package.ts'
import { isRecord } from './signature.ts'
import { asPyYaml } from './yaml-tags.ts'
import { writeYaml } from './yaml-write.ts'

/** How values are written; Celery's names. */
export type Serializer = 'json' | 'msgpack' | 'yaml'

/** A value as bytes, and what to say of them. */
export interface Serialized {
  readonly body: Uint8Array
  readonly contentType: string
  readonly contentEncoding: 'utf-8' | 'binary'
}

/** Most aliases of one value of YAML. */
const MAX_ALIASES = 1000

/** Values that aliases of YAML may stand for, where it is a short text. */
const LEAST_VALUES = 100_000

/**
 * A value as bytes. What each form takes is what JSON takes; bytes go as they are in msgpack and YAML, dates there as ISO
 * text, which is what Python's serializers of these can read without more.
 * @throws LovageError `ENCODE_FAILED` naming the path of what cannot be written
 */
export function serialize(
  value: unknown,
  serializer: Serializer,
  options: { readonly types?: JsonTypes; readonly path?: string } = {},
): Serialized {
  // Through JSON, so that one place decides what can be sent, and names the place of what cannot.
  return serializeJson(encodeJson(value, { ...options, types: typesFor(serializer, options.types) }), serializer)
}

/** How dates and bytes must be written into JSON that becomes something else: so that they can be told from text. */
export function typesFor<Types extends JsonTypes | undefined>(
  serializer: Serializer | undefined,
  types: Types,
): Types | 'typed' {
  return serializer === undefined || serializer === 'json' ? types : 'typed'
}

/** What a serializer writes is of this type. */
export function typeWritten(serializer: Serializer): string {
  return { json: JSON_TYPE, msgpack: MSGPACK_TYPE, yaml: YAML_TYPE }[serializer]
}

/**
 * A value that is JSON text already, with its dates and bytes {@link typesFor} the serializer.
 * @throws LovageError `ENCODE_FAILED` for an integer that the form has no room for
 */
export function serializeJson(json: string, serializer: Serializer): Serialized {
  if (serializer === 'json') return { body: Buffer.from(json), contentType: JSON_TYPE, contentEncoding: 'utf-8' }
  const plain = plainOf(decodeJson(json))
  if (serializer === 'msgpack') return { body: pack(plain), contentType: MSGPACK_TYPE, contentEncoding: 'binary' }
  return { body: Buffer.from(writeYaml(plain)), contentType: YAML_TYPE, contentEncoding: 'utf-8' }
}

/**
 * The value of a body. Dates and bytes come as Date and Uint8Array where the form has them.
 * @throws LovageError `CONTENT_REFUSED`, `BODY_UNDECODABLE`
 */
export function deserialize(content: Content, limits: ContentLimits = {}): unknown {
  return read(content, limits, decodeJson)
}

/** {@link deserialize} that leaves kombu's typed objects in JSON as they came, so that they can be passed on without loss. */
export function deserializeRaw(content: Content, limits: ContentLimits = {}): unknown {
  return read(content, limits, decodeRawJson)
}

function read(content: Content, limits: ContentLimits, readJson: (text: string) => unknown): unknown {
  const type = content.contentType === JSON_TYPE ? JSON_TYPE : bareType(content.contentType)
  if (type === MSGPACK_TYPE) return checked(type, bodyBytes(content, limits), readMsgpack)
  if (type === YAML_TYPE) return checked(type, bodyText(content, limits), readYaml)
  return readJson(bodyText(content, limits))
}

/** Integers come as BigInt, and become numbers where these hold them: else the large ones would be rounded. */
const MSGPACK_OPTIONS = { useBigInt64: true, maxDepth: MAX_DEPTH } as const

/** PyYAML writes YAML 1.1. */
const YAML_OPTIONS = { version: '1.1', intAsBigInt: true, customTags: asPyYaml, uniqueKeys: false } as const

function pack(value: unknown): Uint8Array {
  try {
    return msgpack().encode(value, MSGPACK_OPTIONS)
  } catch (error) {
    // JSON has integers of any size, msgpack ends at 64 bits.
    throw new LovageError('ENCODE_FAILED', { path: '$', problem: messageOf(error) }, { cause: error })
  }
}

function readMsgpack(bytes: Uint8Array): unknown {
  assertWhole(bytes)
  return msgpack().decode(bytes, MSGPACK_OPTIONS)
}

function readYaml(text: string): unknown {
  const { parseDocument, visit } = yaml()
  const document = parseDocument(text, YAML_OPTIONS)
  // A tag that nobody knows, `!!python/object` say, is a warning there: here it is a message that means something else.
  const [problem] = [...document.errors, ...document.warnings]
  if (problem) throw new Error(problem.message.split('\n', 1)[0])
  visit(document, { Map: (_, { items }) => assertUnique(items) })
  return document.toJS({ maxAliasCount: MAX_ALIASES })
}

/** The package compares each name to all before it, which takes minutes for what is no large message. */
function assertUnique(pairs: readonly { readonly key: unknown }[]): void {
  const names = new Set<unknown>()
  for (const { key } of pairs) {
    const name = (key as { readonly value?: unknown } | null)?.value
    if (name === undefined || name === '<<') continue
    if (names.has(name)) throw new Error(`it has the name ${JSON.stringify(String(name))} twice in one place`)
    names.add(name)
  }
}

function checked<Form extends string | Uint8Array>(type: string, form: Form, decode: (form: Form) => unknown): unknown {
  try {
    return settled(decode(form), 0, { left: Math.max(form.length, LEAST_VALUES) })
  } catch (error) {
    if (error instanceof LovageError) throw error
    throw new LovageError('BODY_UNDECODABLE', { contentType: type, problem: messageOf(error) })
  }
}

/**
 * Bounded in depth, its integers as numbers where these hold them. `values` is how many there may be: without aliases each
 * takes a byte, and with them a short text can stand for any number.
 */
function settled(value: unknown, depth: number, values: { left: number }): unknown {
  if (--values.left < 0) throw new Error('its aliases stand for too much')
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || value instanceof Date) return value
  if (depth >= MAX_DEPTH) throw new Error(`nested deeper than ${MAX_DEPTH}`)
  if (Array.isArray(value)) return value.map((member) => settled(member, depth + 1, values))
  if (!isRecord(value)) throw new Error('it holds what has no form in JavaScript')
  const members = Object.entries(value).map(([name, member]) => [name, settled(member, depth + 1, values)] as const)
  return Object.fromEntries(members)
}

function plainOf(value: unknown): unknown {
  if (value instanceof Date) return `${formatIsoNaive(value.getTime())}Z`
  if (Array.isArray(value)) return value.map(plainOf)
  if (!isRecord(value) || value instanceof Uint8Array) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plainOf(member)]))
}

function msgpack(): typeof Msgpack {
  return loadPackage<typeof Msgpack>('@msgpack/msgpack') as typeof Msgpack
}

function yaml(): typeof Yaml {
  return loadPackage<typeof Yaml>('yaml') as typeof Yaml
}
