/** A word of Python. */
export interface Token {
  readonly kind: 'name' | 'number' | 'string' | 'fstring' | 'op' | 'end'
  readonly text: string
  /** Of a string: what it is. */
  readonly value?: string | number
  readonly at: number
}

/** One logical line: its indent, its words, and where it begins. */
export interface Line {
  readonly indent: number
  readonly tokens: readonly Token[]
  readonly number: number
  readonly text: string
}

const OPENERS = '([{'
const CLOSERS = ')]}'

const NUMBER = /^(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*)?\.?\d[\d_]*\.?(?:[eE][+-]?\d+)?)/
const STRING = /^([rRbBuUfF]{0,2})("""|'''|"|')/
const OPERATOR = /^(?:\*\*=?|\/\/=?|<<|>>|[-+*/%@&|^=<>!]=|->|:=|[-+*/%@&|^~<>=.,:;()[\]{}])/

/**
 * The logical lines of a Python file.
 * @throws Error naming the line of what is no Python
 */
export function linesOf(source: string): Line[] {
  const lines: Line[] = []
  let at = 0
  let row = 1
  while (at < source.length) {
    const lineAt = at
    const lineRow = row
    const indent = /^[ \t\f]*/.exec(source.slice(at))?.[0].replaceAll('\t', '        ').length ?? 0
    const tokens: Token[] = []
    let depth = 0
    for (;;) {
      const rest = source.slice(at, at + 4096)
      const blank = /^(?:[ \t\f\r]+|\\\r?\n|#[^\n]*)/.exec(rest)?.[0]
      if (blank !== undefined) {
        row += countRows(blank)
        at += blank.length
        continue
      }
      if (at >= source.length) break
      if (rest[0] === '\n') {
        at++
        row++
        if (depth === 0) break
        continue
      }
      const token = tokenAt(source, at, row)
      if (token.kind === 'op' && OPENERS.includes(token.text)) depth++
      if (token.kind === 'op' && CLOSERS.includes(token.text)) depth = Math.max(0, depth - 1)
      tokens.push(token)
      row += countRows(token.text)
      at += token.text.length
    }
    if (tokens.length > 0) lines.push({ indent, tokens, number: lineRow, text: source.slice(lineAt, at).trim() })
  }
  return lines
}

function countRows(text: string): number {
  return text.split('\n').length - 1
}

function tokenAt(source: string, at: number, row: number): Token {
  const rest = source.slice(at, at + 4096)
  const string = STRING.exec(rest)
  if (string) return stringAt(source, at, row, string)
  const name = /^[\p{L}_][\p{L}\p{N}_]*/u.exec(rest)?.[0]
  if (name !== undefined) return { kind: 'name', text: name, at }
  const number = /^\.?\d/.test(rest) ? NUMBER.exec(rest)?.[0] : undefined
  if (number !== undefined) return { kind: 'number', text: number, value: Number(number.replaceAll('_', '')), at }
  const op = OPERATOR.exec(rest)?.[0]
  if (op !== undefined) return { kind: 'op', text: op, at }
  throw new Error(`line ${row}: ${JSON.stringify(rest[0])} is not understood`)
}

function stringAt(source: string, at: number, row: number, [head, prefix = '', quote = '']: RegExpExecArray): Token {
  const isRaw = /r/i.test(prefix)
  const parts: string[] = []
  let end = at + head.length
  for (;;) {
    if (end >= source.length || (quote.length === 1 && source[end] === '\n')) {
      throw new Error(`line ${row}: a text has no end`)
    }
    if (source.startsWith(quote, end)) break
    const length = source[end] === '\\' ? 2 : 1
    const piece = source.slice(end, end + length)
    if (length === 1 || isRaw) parts.push(piece)
    else {
      const [value, used] = escapeAt(source, end)
      parts.push(value)
      end += used
      continue
    }
    end += length
  }
  const text = source.slice(at, end + quote.length)
  const kind = /f/i.test(prefix) ? 'fstring' : /b/i.test(prefix) ? 'op' : 'string'
  return { kind, text, value: parts.join(''), at }
}

const SIMPLE: Readonly<Record<string, string>> = {
  ...{ n: '\n', t: '\t', r: '\r', '\\': '\\', "'": "'", '"': '"', '\n': '', '0': '\0', a: '\x07' },
  ...{ b: '\b', f: '\f', v: '\v' },
}

/** What an escape stands for, and how long it is. What Python does not know stays as it is, as there. */
function escapeAt(source: string, at: number): [string, number] {
  const long = /^\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/.exec(source.slice(at, at + 10))
  if (long) return [String.fromCodePoint(parseInt((long[1] ?? long[2] ?? long[3]) as string, 16)), long[0].length]
  const letter = source[at + 1] ?? ''
  return [SIMPLE[letter] ?? `\\${letter}`, 2]
}
