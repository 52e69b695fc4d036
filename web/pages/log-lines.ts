/** A run of characters of one look. */
export interface Run {
  readonly text: string
  /** Names of classes: `ansi-red`, `ansi-bold`. */
  readonly look: string
}

/** More is not kept: a log that is followed for a day must not fill the tab. */
export const MOST_LINES = 5_000
const LONGEST_LINE = 4_000

/** The end of a log, as it grows. */
export interface LogText {
  readonly lines: readonly string[]
  /** The last line has no end yet. */
  readonly isOpen: boolean
  /** Lines that are not kept any more. */
  readonly dropped: number
}

export const EMPTY_LOG: LogText = { lines: [], isOpen: false, dropped: 0 }

/** The log and what has been written since. */
export function grown(log: LogText, text: string): LogText {
  if (text === '') return log
  const pieces = text.split('\n')
  const isOpen = pieces.at(-1) !== ''
  if (!isOpen) pieces.pop()
  const lines = [...log.lines]
  if (log.isOpen && pieces.length > 0) lines[lines.length - 1] = `${lines.at(-1)}${pieces.shift()}`
  for (const piece of pieces) lines.push(piece)
  const tooMany = Math.max(0, lines.length - MOST_LINES)
  return {
    lines: lines.slice(tooMany).map((line) => (line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)}…` : line)),
    isOpen,
    dropped: log.dropped + tooMany,
  }
}

/** Reads colours; where they cannot be read yet, lines are shown without. */
export type Painter = (line: string) => readonly Run[]

// oxlint-disable-next-line no-control-regex -- it is control characters that it takes out
const ESCAPES = /\u001b\[[0-9;?]*[ -/]*[@-~]/g

export const plain: Painter = (line) => [{ text: line.replaceAll(ESCAPES, ''), look: '' }]

/** A painter with colours, loaded with the first log that is opened. */
export async function painter(): Promise<Painter> {
  const { default: Anser } = await import('anser')
  return (line) => {
    if (!line.includes('\u001b')) return [{ text: line, look: '' }]
    return Anser.ansiToJson(line, { json: true, use_classes: true, remove_empty: true }).map(
      ({ content, fg, bg, decorations }) => ({
        text: content.replaceAll(ESCAPES, ''),
        look: [fg, bg && `${bg}-bg`, ...decorations.map((name) => `ansi-${name}`)].filter(Boolean).join(' '),
      }),
    )
  }
}
