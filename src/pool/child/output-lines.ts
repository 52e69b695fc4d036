import type { Readable } from 'node:stream'

/** Longest line that is held; the rest of it is another line. */
const MAX_LINE = 16_384

/** Calls `onLine` with each line of a stream; what comes after the last line's end is a line when the stream ends. */
export function readLines(stream: Readable | null, onLine: (line: string) => void): void {
  if (!stream) return
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (; rest.length > MAX_LINE; rest = rest.slice(MAX_LINE)) lines.push(rest.slice(0, MAX_LINE))
    for (const line of lines) onLine(line.endsWith('\r') ? line.slice(0, -1) : line)
  })
  stream.on('error', () => {})
  stream.on('close', () => {
    if (rest !== '') onLine(rest)
    rest = ''
  })
}
