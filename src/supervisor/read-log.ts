import { open } from 'node:fs/promises'
import { faultError } from './faults.ts'
import type { LogTail } from './operations.ts'

/** More at once would have to be held in memory twice. */
const MOST_AT_ONCE = 64 * 1024 ** 2

/**
 * A part of a log as text: `length` bytes from `offset`, all with length 0; with a negative offset and length 0 the last
 * so many. Throws the faults NO_FILE, BAD_ARGUMENTS and FAILED.
 */
export async function readPart(path: string | undefined, offset: number, length: number): Promise<string> {
  if (length < 0 || (offset < 0 && length !== 0)) throw faultError('BAD_ARGUMENTS')
  return withFile(path, async (read, size) => {
    const from = offset < 0 ? Math.max(0, size + offset) : offset
    const wanted = offset < 0 || length === 0 ? size - from : Math.min(length, size - from)
    if (wanted > MOST_AT_ONCE) throw faultError('FAILED', `${wanted} bytes at once are too many, read it in parts`)
    return wanted <= 0 ? '' : read(from, wanted)
  })
}

/** The end of a log for who follows it; a log that is not there is empty. */
export async function readTail(path: string | undefined, offset: number, length: number): Promise<LogTail> {
  try {
    return await withFile(path, async (read, size) => {
      const overflow = size > offset + length
      const wanted = Math.min(Math.max(0, length), size, MOST_AT_ONCE)
      const isBehind = !overflow && offset > size - 1
      const from = overflow || offset + length > size ? size - wanted : Math.max(0, offset)
      const text = wanted === 0 || isBehind ? '' : await read(Math.max(0, from), wanted)
      return { text, offset: size, overflow }
    })
  } catch {
    return { text: '', offset: 0, overflow: false }
  }
}

/**
 * What has come to a log since `offset`, at most `length` bytes from its end. supervisord's tail repeats what was read
 * before, and says nothing of a log that has become shorter.
 */
export async function tailSince(
  tail: (offset: number, length: number) => Promise<LogTail>,
  offset: number,
  length: number,
): Promise<LogTail> {
  const from = Math.max(0, offset)
  const read = await tail(from, length)
  // It was emptied, or rotated: all of it is new.
  if (read.offset < from) return tail(0, length)
  if (read.overflow) return read
  // What was no UTF-8 was one byte, mostly, and would count for three: too much would be cut off.
  const bytes = Buffer.from(read.text.replaceAll('\uFFFD', '\u001A'))
  const text = bytes.subarray(Math.max(0, bytes.length - (read.offset - from))).toString()
  return { ...read, text: text.replaceAll('\u001A', '\uFFFD') }
}

type Read = (from: number, wanted: number) => Promise<string>

async function withFile<T>(path: string | undefined, use: (read: Read, size: number) => Promise<T>): Promise<T> {
  if (path === undefined) throw faultError('NO_FILE')
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? faultError('NO_FILE', path) : faultError('FAILED')
  })
  try {
    const { size } = await handle.stat()
    return await use(async (from, wanted) => {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(wanted), 0, wanted, from)
      return buffer.toString('utf8', 0, bytesRead)
    }, size)
  } finally {
    await handle.close()
  }
}
