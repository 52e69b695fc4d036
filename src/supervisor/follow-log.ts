import { open, stat, type FileHandle } from 'node:fs/promises'
import { sleep, type Clock } from '../base/clock.ts'

/** As supervisord: so much of what is there already, if there is as much. */
const FIRST_BYTES = 1_024
const LOOK_MS = 100
const CHUNK = 64 * 1_024

/**
 * What is in a log, and what comes to it from now on, until `signal` aborts. A rotated log is followed into its new file;
 * one that was emptied says so.
 * @param from where to begin; default: so near the end as supervisord does
 */
export async function* followLog(
  path: string,
  clock: Clock,
  signal: AbortSignal,
  from?: number,
): AsyncGenerator<Buffer> {
  let file = await open(path, 'r')
  try {
    let { size, ino } = await file.stat()
    let at = size >= FIRST_BYTES ? size - FIRST_BYTES : 0
    // A log that has become shorter meanwhile is all new.
    if (from !== undefined) at = from <= size ? from : 0
    while (!signal.aborted) {
      for await (const chunk of rest(file, at, signal)) {
        at += chunk.length
        yield chunk
      }
      await sleep(clock, LOOK_MS, signal).catch(() => {})
      if (signal.aborted) return
      const now = await stat(path).catch(() => undefined)
      if (!now) continue
      if (now.ino !== ino) {
        const next = await open(path, 'r').catch(() => undefined)
        // Between two moves of a rotation there is none.
        if (!next) continue
        // What was still written to the old one comes first.
        try {
          yield* rest(file, at, signal)
        } finally {
          await file.close()
          file = next
        }
        ;({ size, ino } = await file.stat())
        at = 0
      } else if (now.size < at) {
        at = 0
        yield Buffer.from('==> File truncated <==\n')
      }
    }
  } finally {
    await file.close()
  }
}

async function* rest(file: FileHandle, from: number, signal: AbortSignal): AsyncGenerator<Buffer> {
  for (let at = from; !signal.aborted;) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, at)
    if (bytesRead === 0) return
    at += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}
