import { isComparableHeader, isSameHeader } from '../../same-header.ts'
import type { HeaderValue, Headers } from '../../../protocol/headers.ts'
import { writeEntry, writeTable } from './table-writer.ts'
import { ByteWriter } from './writer.ts'

/** Tasks remembered at a time. Past that all are forgotten and learnt again. */
const MOST_SHAPES = 256

/** So many messages in a row that do not fit a shape make a new one of it. */
const MISSES = 8

/** What a table looked like once: its bytes, and where each member begins. */
interface Shape {
  readonly keys: readonly string[]
  /** Undefined for members that differ from message to message. */
  readonly values: (HeaderValue | undefined)[]
  readonly constant: boolean[]
  /** One more than keys. */
  readonly starts: readonly number[]
  readonly bytes: Buffer
  /** Views of the bytes, by where they begin, as they were copied last: nearly always the same ones. */
  readonly runs: (Buffer | undefined)[]
  misses: number
}

/**
 * Headers written faster: most members of a task's headers are the same in each of its messages (fourteen to nineteen
 * members, two or three of which change), so the bytes of the constant ones are kept from the first message and copied in
 * runs. What differs is found by comparing, so there is nothing to declare and nothing to go stale.
 */
export class HeadersCache {
  #shapes = new Map<HeaderValue | undefined, Shape>()

  /** Tasks remembered now. */
  get size(): number {
    return this.#shapes.size
  }

  /** @throws LovageError `ENCODE_FAILED` */
  write(writer: ByteWriter, headers: Headers): void {
    const task = headers['task']
    const shape = this.#shapes.get(task)
    if (shape === undefined) {
      writeTable(writer, headers, '$.headers')
      if (typeof task === 'string') this.#learn(task, headers)
      return
    }
    const missed = writeByShape(writer, headers, shape)
    if (!missed) shape.misses = 0
    else if (++shape.misses >= MISSES) this.#shapes.delete(task)
  }

  #learn(task: string, headers: Headers): void {
    const writer = new ByteWriter(1024)
    const keys: string[] = []
    const values: HeaderValue[] = []
    const starts = [0]
    for (const key in headers) {
      const value = headers[key]
      if (value === undefined) continue
      writeEntry(writer, key, value, '$.headers', 0)
      keys.push(key)
      values.push(Array.isArray(value) ? [...(value as readonly HeaderValue[])] : value)
      starts.push(writer.at)
    }
    if (this.#shapes.size >= MOST_SHAPES) this.#shapes.clear()
    const bytes = Buffer.concat(writer.take())
    this.#shapes.set(task, {
      keys,
      values,
      constant: values.map(isComparableHeader),
      starts,
      bytes,
      runs: [],
      misses: 0,
    })
  }
}

/** Returns whether the keys were not those of the shape. */
function writeByShape(writer: ByteWriter, headers: Headers, shape: Shape): boolean {
  const { keys, values, constant, bytes } = shape
  writer.room(4 + bytes.length)
  writer.u32(0)
  const start = writer.at - writer.mark
  let missed = false
  /** The first member of the run that waits to be copied, and the next one of the shape. */
  let run = 0
  let next = 0
  for (const key in headers) {
    const value = headers[key]
    if (value === undefined) continue
    if (next < keys.length && keys[next] === key) {
      if (constant[next] === true) {
        if (isSameHeader(values[next], value)) {
          next++
          continue
        }
        constant[next] = false
        values[next] = undefined
      }
      copy(writer, shape, run, next)
      run = ++next
    } else {
      copy(writer, shape, run, next)
      run = next
      missed = true
    }
    writeEntry(writer, key, value, '$.headers', 0)
  }
  copy(writer, shape, run, next)
  const at = writer.mark + start
  writer.putU32(writer.at - at, at - 4)
  return missed || next < keys.length
}

/** The members from `run` on, up to `next`. */
function copy(writer: ByteWriter, { starts, bytes, runs }: Shape, run: number, next: number): void {
  if (next <= run) return
  const from = starts[run] as number
  const length = (starts[next] as number) - from
  let view = runs[run]
  if (view?.length !== length) runs[run] = view = bytes.subarray(from, from + length)
  writer.room(length)
  writer.raw(view)
}
