import { canPack, COMPRESSIONS, type Compression } from '../protocol/compression.ts'
import { contentTypeOf } from '../protocol/content.ts'
import type { Serializer } from '../protocol/serializer.ts'
import { oneOf, shown, Unfit, type Check } from './check.ts'

/** What is read here only, and why it cannot be written. */
const UNWRITTEN: Readonly<Record<string, string>> = {
  bzip2: 'can be read here, and not written',
  bzip: 'can be read here, and not written',
  lzma: 'can neither be read nor written here',
  xz: 'can neither be read nor written here',
}

const known = oneOf('json', 'msgpack', 'yaml')

/** Name of a serializer, Celery's. */
export const serializerName: Check<Serializer> = (value) => {
  if (value === 'pickle') throw new Unfit('names pickle, which is never written', "Write 'json', 'msgpack' or 'yaml'")
  return known(value)
}

const packing = oneOf(...COMPRESSIONS)

/** Name of a compression, kombu's, that can be written here. */
export const compressionName: Check<Compression> = (value) => {
  const why = typeof value === 'string' && Object.hasOwn(UNWRITTEN, value) ? UNWRITTEN[value] : undefined
  if (why !== undefined) throw new Unfit(`names ${String(value)}, which ${why}`, "Write 'gzip', 'brotli' or 'zstd'")
  const name = packing(value)
  if (canPack(name)) return name
  throw new Unfit(`names ${name}, which this Node cannot write`, "Use Node 22.15 or later, or write 'gzip'")
}

/** A content type of what can be read, or Celery's name of one. */
export const contentType: Check<string> = (value) => {
  const type = typeof value === 'string' ? contentTypeOf(value) : undefined
  if (type !== undefined) return type
  throw new Unfit(
    `names ${shown(value)}, which is not read here`,
    "Write ['json'], ['json', 'msgpack'] or ['json', 'yaml']; pickle is never read",
  )
}
