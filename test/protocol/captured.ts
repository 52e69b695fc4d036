import { readFileSync } from 'node:fs'
import { wireTagOf, WireValue, type HeaderValue, type Headers } from '../../src/protocol/headers.ts'
import type { Message } from '../../src/protocol/message.ts'

/** AMQP tag of a header, or of each of its parts. */
export type TagTree = string | readonly ['A', readonly TagTree[]] | readonly ['F', Readonly<Record<string, TagTree>>]

/** A message as a Python client published it; `test/fixtures/celery/README.md` tells where they come from. */
export interface Captured {
  readonly case: string
  /** Which of the messages of the case. */
  readonly index: number
  readonly call: string
  readonly exchange: string
  readonly properties: {
    readonly content_type: string
    readonly content_encoding: string
    readonly headers: Readonly<Record<string, unknown>>
    readonly delivery_mode: 1 | 2
    readonly priority?: number
    readonly correlation_id?: string
    readonly reply_to?: string
    readonly expiration?: string
  }
  readonly header_types: Readonly<Record<string, TagTree>>
  readonly body_text?: string | null
  readonly body_b64?: string | null
}

/** A result as a Python worker published it. */
export interface CapturedResult {
  readonly step: string
  readonly body_text: string
}

export type CeleryVersion = '5.2.6' | '5.6.3'

/** Every message that the clients of this version published, events left out. */
export function capturedTasks(version: CeleryVersion): Captured[] {
  return load<Captured[]>(`messages-${version}.json`).filter(({ exchange }) => exchange !== 'celeryev')
}

export function capturedResults(version: CeleryVersion): CapturedResult[] {
  return load(`rpc-results-${version}.json`)
}

function load<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../fixtures/celery/${name}`, import.meta.url), 'utf8')) as T
}

/** The captured message as a broker hands it out. */
export function messageOf({ properties, header_types: types, body_text: text, body_b64: base64 }: Captured): Message {
  return {
    headers: withTags(properties.headers, ['F', types]) as Headers,
    body: typeof text !== 'string' ? Buffer.from(base64 as string, 'base64') : Buffer.from(text),
    contentType: properties.content_type,
    contentEncoding: properties.content_encoding,
    deliveryMode: properties.delivery_mode,
    priority: properties.priority,
    correlationId: properties.correlation_id,
    replyTo: properties.reply_to,
  }
}

function withTags(value: unknown, tag: TagTree): HeaderValue {
  if (tag[0] === 'A')
    return (value as unknown[]).map((item, at) => withTags(item, (tag[1] as TagTree[])[at] as TagTree))
  if (tag[0] === 'F') {
    const tags = tag[1] as Record<string, TagTree>
    const entries = Object.entries(value as object).map(([name, item]) => [name, withTags(item, tags[name] as TagTree)])
    return Object.fromEntries(entries) as Headers
  }
  const plain = value as HeaderValue
  return wireTagOf(plain) === tag ? plain : new WireValue(tag as 'L', BigInt(value as number))
}

/** The tags that the value would be written with. */
export function tagsOf(value: HeaderValue): TagTree {
  const tag = wireTagOf(value)
  if (tag === 'A') return ['A', (value as readonly HeaderValue[]).map(tagsOf)]
  if (tag !== 'F') return tag
  return ['F', Object.fromEntries(Object.entries(value as Headers).map(([name, item]) => [name, tagsOf(item)]))]
}

/** The value without its tags. */
export function withoutTags(value: HeaderValue): unknown {
  if (value instanceof WireValue) return Number(value.value)
  if (Array.isArray(value)) return (value as readonly HeaderValue[]).map(withoutTags)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withoutTags(item as HeaderValue)]))
}

/** A message that workers and their remote control exchanged. */
export interface CapturedWord {
  readonly routing_key: string
  readonly properties: Captured['properties']
  readonly body: string
}

/** Events, commands and replies of this version. */
export function capturedFleet(
  version: CeleryVersion,
): Readonly<Record<'events' | 'commands' | 'replies', readonly CapturedWord[]>> {
  return load(`fleet-${version}.json`)
}

/** A captured word as a message. */
export function wordAsMessage({ properties, body }: CapturedWord): Message {
  return {
    headers: properties.headers as Headers,
    body: Buffer.from(body),
    contentType: properties.content_type,
    contentEncoding: properties.content_encoding,
    deliveryMode: properties.delivery_mode,
    priority: properties.priority ?? 0,
  }
}
