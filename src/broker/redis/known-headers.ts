import { isComparableHeader, isSameHeader } from '../same-header.ts'
import type { HeaderValue, Headers } from '../../protocol/headers.ts'
import { encodeJson } from '../../protocol/json.ts'
import { quoteJson } from '../../protocol/json-write.ts'
import { isExact, writeHeaders, type WrittenHeaders } from './header-forms.ts'

/** Tasks remembered at a time. Past that all are forgotten and learnt again. */
const MOST_SHAPES = 256

/** So many messages in a row that do not fit a shape make a new one of it. */
const MISSES = 8

/** Fewer members may be one of kombu's typed forms, which are looked at as a whole. */
const FEWEST_MEMBERS = 3

/** What the headers of a task looked like once. */
interface Shape {
  readonly names: readonly string[]
  /** With what stands before it, and its name. */
  readonly begins: readonly string[]
  readonly values: HeaderValue[]
  /** As JSON; undefined for members that differ from message to message. */
  readonly texts: (string | undefined)[]
  /** What stands in a row, by where it begins, as it was put together last: nearly always the same. */
  readonly runs: ({ readonly end: number; readonly text: string } | undefined)[]
  misses: number
}

/** Headers as an envelope has them. */
export interface HeadersText {
  readonly text: string
  readonly exact: WrittenHeaders['exact']
}

/**
 * Headers written as JSON faster: most members of a task's headers are the same in each of its messages, so what they look
 * like is kept from the first message. What differs is found by comparing, so there is nothing to declare and nothing to go
 * stale.
 */
export class KnownHeaders {
  #shapes = new Map<string, Shape>()

  /** @throws LovageError `ENCODE_FAILED` */
  write(headers: Headers): HeadersText {
    const task = headers['task']
    if (typeof task !== 'string') return writeFully(headers)
    const shape = this.#shapes.get(task)
    const text = shape && writeByShape(headers, shape)
    if (text !== undefined) return { text, exact: undefined }
    const fully = writeFully(headers)
    if (!shape) this.#learn(task, headers, fully)
    else if (++shape.misses >= MISSES) this.#shapes.delete(task)
    return fully
  }

  #learn(task: string, headers: Headers, { exact }: HeadersText): void {
    const names = Object.keys(headers).filter((name) => headers[name] !== undefined)
    if (exact || names.length < FEWEST_MEMBERS) return
    if (this.#shapes.size >= MOST_SHAPES) this.#shapes.clear()
    const values = names.map((name) => headers[name] as HeaderValue)
    this.#shapes.set(task, {
      names,
      begins: names.map((name, i) => `${i > 0 ? ', ' : ''}${quoteJson(name)}: `),
      values: values.map((value) => (Array.isArray(value) ? [...(value as readonly HeaderValue[])] : value)),
      texts: names.map((name, i) =>
        isComparableHeader(values[i] as HeaderValue) ? valueText(headers, name) : undefined,
      ),
      runs: [],
      misses: 0,
    })
  }
}

/** @throws LovageError `ENCODE_FAILED` */
export function writeFully(headers: Headers): HeadersText {
  const { plain, exact } = writeHeaders(headers)
  return { text: encodeJson(plain, { path: '$.headers' }), exact }
}

/** Undefined: they are other members, or JSON cannot say them exactly. */
function writeByShape(headers: Headers, shape: Shape): string | undefined {
  const { names, values, texts, begins } = shape
  let text = '{'
  /** The first member of the run that waits to be written, and the next one of the shape. */
  let run = 0
  let next = 0
  for (const name in headers) {
    const value = headers[name]
    if (value === undefined) continue
    if (names[next] !== name) return undefined
    if (texts[next] === undefined || !isSameHeader(values[next], value)) {
      if (!isExact(value)) return undefined
      texts[next] = undefined
      text += runText(shape, run, next) + begins[next] + valueText(headers, name)
      run = next + 1
    }
    next++
  }
  if (next < names.length) return undefined
  shape.misses = 0
  return `${text}${runText(shape, run, next)}}`
}

function runText({ begins, texts, runs }: Shape, from: number, end: number): string {
  if (from === end) return ''
  const known = runs[from]
  if (known?.end === end) return known.text
  let text = ''
  for (let i = from; i < end; i++) text += `${begins[i]}${texts[i]}`
  runs[from] = { end, text }
  return text
}

function valueText(headers: Headers, name: string): string {
  const value = headers[name]
  return typeof value === 'string' ? quoteJson(value) : encodeJson(value, { path: `$.headers.${name}` })
}
