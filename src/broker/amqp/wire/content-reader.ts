import type { Args } from './methods.ts'
import { readProperties, type BasicProperties } from './properties.ts'
import { invalid, type ByteReader } from './reader.ts'

/** The methods that content follows, on the way to a client. */
export type ContentMethod =
  | { readonly name: 'basic.deliver'; readonly args: Args<'basic.deliver'> }
  | { readonly name: 'basic.return'; readonly args: Args<'basic.return'> }
  | { readonly name: 'basic.get-ok'; readonly args: Args<'basic.get-ok'> }

/** A method with its content, whole. */
export interface Content {
  readonly method: ContentMethod
  readonly properties: BasicProperties
  readonly body: Uint8Array
  /** Of the body as it was sent. */
  readonly size: number
  /** It was past the limit: `body` is empty. */
  readonly isDropped: boolean
  /** What of the properties could not be read. */
  readonly undecodable: string | undefined
}

const CLASS_BASIC = 60
const EMPTY = Buffer.alloc(0)

/** Puts the frames of one channel's contents together (spec 2.3.5.2): method, header, then bodies until the size is reached. */
export class ContentReader {
  readonly #maxBytes: number
  #method: ContentMethod | undefined
  #properties: BasicProperties | undefined
  #undecodable: string | undefined
  #size = 0
  #have = 0
  #parts: Buffer[] = []

  /** Bodies past `maxBytes` are read and dropped. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** A method other than of content is out of place now. */
  get isBusy(): boolean {
    return this.#method !== undefined
  }

  begin(method: ContentMethod): void {
    this.#method = method
  }

  /**
   * Takes the payload of a header frame; returns the content when it has no body.
   * @throws LovageError `WIRE_INVALID`
   */
  header(reader: ByteReader): Content | undefined {
    if (!this.#method || this.#properties) throw invalid('a content header out of place', 505)
    const classId = reader.u16()
    if (classId !== CLASS_BASIC) throw invalid(`a content header of class ${classId}`, 501)
    reader.take(2)
    this.#size = reader.u64()
    const notes: { undecodable?: string } = {}
    this.#properties = readProperties(reader, notes)
    this.#undecodable = notes.undecodable
    return this.#size === 0 ? this.#finish(EMPTY) : undefined
  }

  /**
   * Takes the payload of a body frame; returns the content when it is whole.
   * @throws LovageError `WIRE_INVALID`
   */
  body(buffer: Buffer, start: number, end: number): Content | undefined {
    if (!this.#properties) throw invalid('a content body out of place', 505)
    const length = end - start
    const have = this.#have + length
    if (have > this.#size) throw invalid('a content body longer than announced', 501)
    this.#have = have
    if (this.#size > this.#maxBytes) return have === this.#size ? this.#finish(EMPTY) : undefined
    if (have === this.#size) {
      if (have === length) return this.#finish(apart(buffer, start, end))
      this.#parts.push(buffer.subarray(start, end))
      return this.#finish(Buffer.concat(this.#parts, have))
    }
    if (length > 0) this.#parts.push(apart(buffer, start, end))
    return undefined
  }

  #finish(body: Uint8Array): Content {
    const content = {
      method: this.#method as ContentMethod,
      properties: this.#properties as BasicProperties,
      body,
      size: this.#size,
      isDropped: this.#size > this.#maxBytes,
      undecodable: this.#undecodable,
    }
    this.#method = undefined
    this.#properties = undefined
    this.#have = 0
    this.#parts = []
    return content
  }
}

/** A body that may be held for long does not hold the whole read of the socket that it came with. */
function apart(buffer: Buffer, start: number, end: number): Buffer {
  const bytes = buffer.subarray(start, end)
  return bytes.length * 2 < buffer.length ? Buffer.from(bytes) : bytes
}
