import * as zlib from 'node:zlib'
import { LovageError, messageOf } from '../base/errors.ts'
import { loadPackage } from './optional-package.ts'

/** What kombu calls gzip and zlib alike; the bytes are a zlib stream (RFC 1950), no gzip file. */
const ZLIB_TYPE = 'application/x-gzip'

const BROTLI_TYPE = 'application/x-brotli'
const ZSTD_TYPE = 'application/zstd'
const BZIP2_TYPE = 'application/x-bz2'

/** Kombu's short names of compressions (kombu/compression.py). */
const NAMES: ReadonlyMap<string, string> = new Map([
  ['gzip', ZLIB_TYPE],
  ['zlib', ZLIB_TYPE],
  ['brotli', BROTLI_TYPE],
  ['zstd', ZSTD_TYPE],
  ['zstandard', ZSTD_TYPE],
  ['bzip2', BZIP2_TYPE],
  ['bzip', BZIP2_TYPE],
])

/** What one way of packing does. It throws a RangeError where there would be more than `maxBytes`. */
type Unpack = (bytes: Uint8Array, maxBytes: number) => Uint8Array

/** Node has it from 22.15 on. */
const zstdDecompress = (zlib as { zstdDecompressSync?: (bytes: Uint8Array, options: object) => Uint8Array })
  .zstdDecompressSync

const zstdCompress = (zlib as { zstdCompressSync?: (bytes: Uint8Array) => Uint8Array }).zstdCompressSync

const UNPACK: Readonly<Record<string, () => Unpack>> = {
  // Reads gzip files too, which producers other than kombu may send under this name.
  [ZLIB_TYPE]: () => (bytes, maxOutputLength) => zlib.unzipSync(bytes, { maxOutputLength }),
  [BROTLI_TYPE]: () => (bytes, maxOutputLength) => zlib.brotliDecompressSync(bytes, { maxOutputLength }),
  [ZSTD_TYPE]: () =>
    zstdDecompress ? (bytes, maxOutputLength) => zstdDecompress(bytes, { maxOutputLength }) : zstdByPackage(),
  [BZIP2_TYPE]: bzip2ByPackage,
}

/** How bodies can be packed; kombu's names. Bzip2 and lzma are not among them: nothing here writes these. */
export const COMPRESSIONS = ['gzip', 'zlib', 'brotli', 'zstd'] as const

/** One of {@link COMPRESSIONS}. `'gzip'` and `'zlib'` are the same, as in kombu. */
export type Compression = (typeof COMPRESSIONS)[number]

/** Whether this Node can pack so: it has zstd from 22.15 on. */
export function canPack(compression: Compression): boolean {
  return compression !== 'zstd' || zstdCompress !== undefined
}

/**
 * A body packed as Celery's `compression` does it, and what goes into the header.
 * @throws LovageError `CONTENT_REFUSED` for zstd on a Node that has none
 */
export function pack(body: Uint8Array, compression: Compression = 'gzip'): { body: Uint8Array; compression: string } {
  if (compression === 'brotli') return { body: zlib.brotliCompressSync(body), compression: BROTLI_TYPE }
  if (compression === 'gzip' || compression === 'zlib') return { body: zlib.deflateSync(body), compression: ZLIB_TYPE }
  if (zstdCompress) return { body: zstdCompress(body), compression: ZSTD_TYPE }
  throw refused(`${compression} (it takes Node 22.15 or later to write it)`, 'gzip, zlib, brotli')
}

/**
 * A body as it was before it was packed.
 * @param compression as in the header, e.g. `application/x-gzip`
 * @throws LovageError `CONTENT_REFUSED` for what cannot be read here, naming the package that reads it where there is one;
 *   `BODY_UNDECODABLE` for bytes that are not what they claim, or too many when unpacked
 */
export function unpack(body: Uint8Array, compression: string, maxBytes: number): Uint8Array {
  const type = NAMES.get(compression) ?? compression
  const open = Object.hasOwn(UNPACK, type) ? UNPACK[type] : undefined
  if (!open) throw refused(compression, Object.keys(UNPACK).join(', '))
  const read = open()
  try {
    return read(body, maxBytes)
  } catch (error) {
    const problem = error instanceof RangeError ? `it unpacks to more than ${maxBytes} bytes` : messageOf(error)
    throw new LovageError('BODY_UNDECODABLE', { contentType: compression, problem })
  }
}

interface Fzstd {
  Decompress: new (onData: (chunk: Uint8Array) => void) => { push(bytes: Uint8Array, isLast: boolean): void }
}

function zstdByPackage(): Unpack {
  const fzstd = loadPackage<Fzstd>('fzstd')
  if (!fzstd) throw needsPackage('application/zstd', 'fzstd', 'Node 22.15 or later, or the package fzstd')
  return (bytes, maxBytes) => {
    const output = new Output(maxBytes)
    new fzstd.Decompress((chunk) => output.add(chunk)).push(bytes, true)
    return output.bytes
  }
}

interface SeekBzip {
  decode(input: Uint8Array, output: { writeByte(byte: number): void }): void
}

function bzip2ByPackage(): Unpack {
  const bzip2 = loadPackage<SeekBzip>('seek-bzip')
  if (!bzip2) throw needsPackage('application/x-bz2', 'seek-bzip', 'the package seek-bzip')
  return (bytes, maxBytes) => {
    const output = new Output(maxBytes)
    bzip2.decode(Buffer.from(bytes), { writeByte: (byte) => output.addByte(byte) })
    return output.bytes
  }
}

/** Collects what is unpacked piece by piece, up to a limit: a small body can stand for endless bytes. */
class Output {
  readonly #maxBytes: number
  #buffer = Buffer.allocUnsafe(4096)
  #length = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }

  add(chunk: Uint8Array): void {
    this.#grow(chunk.length)
    this.#buffer.set(chunk, this.#length)
    this.#length += chunk.length
  }

  addByte(byte: number): void {
    this.#grow(1)
    this.#buffer[this.#length++] = byte
  }

  #grow(by: number): void {
    const needed = this.#length + by
    if (needed > this.#maxBytes) throw new RangeError('too much')
    if (needed <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#buffer.length))
    larger.set(this.#buffer.subarray(0, this.#length))
    this.#buffer = larger
  }
}

function refused(compression: string, accepted: string): LovageError {
  return new LovageError('CONTENT_REFUSED', { contentType: `compression ${compression}`, sender: '', accepted })
}

function needsPackage(compression: string, name: string, what: string): LovageError {
  return refused(`${compression} (it takes ${what}: npm install ${name})`, Object.keys(UNPACK).join(', '))
}
