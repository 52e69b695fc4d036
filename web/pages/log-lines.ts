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
  /** The last line, as far as it is written. */
  readonly open: string
  /** Lines that are not kept any more. */
  readonly dropped: number
}

export const EMPTY_LOG: LogText = { lines: [], open: '', dropped: 0 }

/** The log, whole lines that have been written since, and what is written of one more. */
export function grown(log: LogText, text: string, open: string): LogText {
  if (text === '' && open === log.open) return log
  const pieces = text.split('\n')
  if (pieces.at(-1) === '') pieces.pop()
  const lines = [...log.lines, ...pieces.map(shortened)]
  const tooMany = Math.max(0, lines.length - MOST_LINES)
  return { lines: lines.slice(tooMany), open: shortened(open), dropped: log.dropped + tooMany }
}

function shortened(line: string): string {
  return line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)}…` : line
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
