import type { LogPiece } from './action-api.ts'

/** Read before what is asked for, so that a secret is seen together with its name. In bytes. */
export const LOG_CONTEXT = 16 * 1024

/** Stands for what of a line is not told. */
const MORE = '…'

const [NO_UTF8, SUBSTITUTE] = ['\uFFFD', '\u001A']
const [TAB, BREAK, BLANK] = [0x09, 0x0a, 0x20]

/** Reads the end of a log: what was written since `offset`, and no more than the last `length` bytes. */
export type ReadTail = (
  offset: number,
  length: number,
) => Promise<{ readonly text: string; readonly offset: number; readonly overflow: boolean }>

/**
 * The end of a log without what nobody may read. Rules know a secret by what stands before it, so that no piece may begin
 * behind that: pieces are whole lines, and rules see the lines before them too. Of a line that is not ended yet the last word
 * is not told.
 * @param from what was written since is wanted; undefined: the end
 * @param length most of it, in bytes
 */
export async function redactedTail(
  tail: ReadTail,
  redact: (text: string) => string,
  from: number | undefined,
  length: number,
): Promise<LogPiece> {
  let wanted = from ?? 0
  let read = await tail(Math.max(0, wanted - LOG_CONTEXT), length + LOG_CONTEXT)
  if (read.offset < wanted) {
    // It was emptied, or rotated: all of it is new.
    wanted = 0
    read = await tail(0, length + LOG_CONTEXT)
  }
  const size = read.offset
  // What was no UTF-8 would count for three bytes, and push the place to go on at behind the beginning of a line.
  const bytes = Buffer.from(read.text.replaceAll(NO_UTF8, SUBSTITUTE))
  const start = Math.max(0, size - bytes.length)
  const whole = start === 0 ? bytes : bytes.subarray(afterBreak(bytes, 0))
  const overflow = size > wanted + length
  if (bytes.length > 0 && whole.length === 0 && bytes.at(-1) !== BREAK) {
    return { text: '', open: MORE, offset: wanted, overflow }
  }
  const end = whole.lastIndexOf(BREAK) + 1
  let begin = Math.max(0, whole.length - (size - Math.max(wanted, size - length)))
  if (begin > 0 && whole[begin - 1] !== BREAK) begin = afterBreak(whole, begin)
  // What is written in blocks ends anywhere: a password, say, before the @ that shows it to be one.
  const lastWord = Math.max(whole.lastIndexOf(BLANK), whole.lastIndexOf(TAB), end - 1) + 1
  const [before, complete, all] = [Math.min(begin, end), end, lastWord].map((to) =>
    redact(whole.subarray(0, to).toString().replaceAll(SUBSTITUTE, NO_UTF8)),
  ) as [string, string, string]
  return {
    text: added(before, complete),
    open: `${added(complete, all)}${lastWord < whole.length ? MORE : ''}`,
    offset: Math.max(wanted, size - (whole.length - end)),
    overflow,
  }
}

function afterBreak(bytes: Buffer, from: number): number {
  const at = bytes.indexOf(BREAK, from)
  return at < 0 ? bytes.length : at + 1
}

/** What a redacted text has that a redacted beginning of it has not. Of the longer one nothing is a secret, wherever it is cut. */
function added(beginning: string, text: string): string {
  let at = 0
  while (at < beginning.length && beginning.charCodeAt(at) === text.charCodeAt(at)) at++
  return text.slice(at)
}
