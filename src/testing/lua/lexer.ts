/** A word of a Lua text. `text` of a string is its value: one character a byte. */
export interface Token {
  readonly kind: 'name' | 'keyword' | 'number' | 'string' | 'symbol' | 'end'
  readonly text: string
  readonly line: number
}

const KEYWORDS = new Set(
  'and break do else elseif end false for function if in local nil not or repeat return then true until while'.split(
    ' ',
  ),
)

const SKIP = /(?:\s+|--\[\[[\s\S]*?\]\]|--(?!\[\[)[^\n]*)*/y
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y
const NUMBER = /0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y
const SYMBOL = /\.\.\.|\.\.|==|~=|<=|>=|[-+*/%^#<>=(){}[\];:,.]/y
const LONG = /\[\[\n?([\s\S]*?)\]\]/y

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

/** Takes a Lua 5.1 text apart. @throws SyntaxError */
export function tokens(text: string): Token[] {
  const found: Token[] = []
  let at = 0
  let line = 1
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (!match) return undefined
    at = pattern.lastIndex
    for (const char of match[0]) if (char === '\n') line++
    return match[1] ?? match[0]
  }
  const quoted = (): string => {
    const quote = text[at++]
    let value = ''
    for (;;) {
      const char = text[at++]
      if (char === undefined || char === '\n') throw new SyntaxError(`line ${line}: unfinished string`)
      if (char === quote) return value
      if (char !== '\\') {
        value += char
        continue
      }
      const digits = /^\d{1,3}/.exec(text.slice(at, at + 3))?.[0]
      if (digits !== undefined) {
        value += String.fromCodePoint(Number(digits))
        at += digits.length
      } else {
        const escaped = text[at++] ?? ''
        value += ESCAPES[escaped] ?? escaped
      }
    }
  }
  for (;;) {
    take(SKIP)
    const begun = line
    const add = (kind: Token['kind'], word: string): void => void found.push({ kind, text: word, line: begun })
    const next = text[at]
    if (next === undefined) {
      add('end', '')
      return found
    }
    if (next === '"' || next === "'") {
      add('string', quoted())
      continue
    }
    const name = take(NAME)
    if (name !== undefined) {
      add(KEYWORDS.has(name) ? 'keyword' : 'name', name)
      continue
    }
    const number = take(NUMBER)
    if (number !== undefined) {
      add('number', number)
      continue
    }
    const long = text.startsWith('[[', at) ? take(LONG) : undefined
    if (long !== undefined) {
      add('string', long)
      continue
    }
    const symbol = take(SYMBOL)
    if (symbol === undefined) throw new SyntaxError(`line ${line}: unexpected ${next}`)
    add('symbol', symbol)
  }
}
