/** What was read of a repr. */
export type ReadLiteral = { readonly value: unknown } | { readonly problem: string }

/** Deeper than this is no arguments that anybody sent. */
const MOST_LEVELS = 100

/** What ends in dots may be the beginning of something longer: Celery cuts texts so, wherever they are too long. */
const CUT = 'may be cut: a text in it ends in "..."'

/**
 * Reads what `argsRepr` and `kwargsRepr`, or Celery's `saferepr`, show of plain values: `(1, 'two', None)`,
 * `{'x': [True, 2.5]}`. Only what is there exactly is read: what was cut, what is no plain value (dates, bytes, sets,
 * objects of a class), and numbers that JavaScript would write in another way come back as a problem.
 */
export function readPythonLiteral(text: string): ReadLiteral {
  const reader = new Reader(text)
  try {
    const value = reader.value(0)
    reader.end()
    return { value }
  } catch (error) {
    if (error instanceof Unreadable) return { problem: error.message }
    throw error
  }
}

class Unreadable extends Error {}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  end(): void {
    if (this.#at < this.#text.length) throw this.#unknown()
  }

  value(level: number): unknown {
    if (level > MOST_LEVELS) throw new Unreadable('is too deep')
    switch (this.#text.charAt(this.#at)) {
      case '(':
        return this.#list(')', level)
      case '[':
        return this.#list(']', level)
      case '{':
        return this.#dict(level)
      case "'":
      case '"':
        return this.#string()
      default:
        return this.#word()
    }
  }

  #list(close: string, level: number): unknown[] {
    const items: unknown[] = []
    this.#at++
    while (!this.#take(close)) {
      items.push(this.value(level + 1))
      if (this.#take(`,${close}`)) {
        if (close !== ')' || items.length !== 1) throw this.#unknown()
        return items
      }
      this.#separator(close)
    }
    return items
  }

  #dict(level: number): Record<string, unknown> {
    const members: [string, unknown][] = []
    this.#at++
    while (!this.#take('}')) {
      const name = this.value(level + 1)
      if (typeof name !== 'string') throw new Unreadable('has a name that is no text')
      if (!this.#take(': ')) throw this.#unknown()
      members.push([name, this.value(level + 1)])
      this.#separator('}')
    }
    return Object.fromEntries(members)
  }

  /** Between two items, or nothing before the end. */
  #separator(close: string): void {
    if (this.#text.startsWith(close, this.#at)) return
    if (!this.#take(', ')) throw this.#unknown()
    if (this.#text.startsWith(close, this.#at)) throw this.#unknown()
  }

  /**
   * Celery escapes the quote and nothing else, Python itself the backslash too: what has one before anything but a quote
   * can be either.
   */
  #string(): string {
    const quote = this.#text.charAt(this.#at++)
    let value = ''
    for (;;) {
      const letter = this.#text.charAt(this.#at++)
      if (letter === '') throw new Unreadable('is cut')
      if (letter === quote) break
      if (letter !== '\\') value += letter
      else if (this.#text.charAt(this.#at) === quote) value += this.#text.charAt(this.#at++)
      else throw new Unreadable('has a backslash, which is written in two ways')
    }
    if (value.endsWith('...')) throw new Unreadable(CUT)
    return value
  }

  #word(): unknown {
    const word = /^[A-Za-z0-9_.+-]+/.exec(this.#text.slice(this.#at, this.#at + 400))?.[0] ?? ''
    this.#at += word.length
    if (word === 'None') return null
    if (word === 'True') return true
    if (word === 'False') return false
    if (/^-?(0|[1-9]\d*)$/.test(word)) return integer(word)
    if (/^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(word)) return float(word)
    if (word === '...') throw new Unreadable('is cut')
    throw this.#unknown()
  }

  #take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  #unknown(): Unreadable {
    if (this.#text.startsWith('...', this.#at) || this.#at >= this.#text.length) return new Unreadable('is cut')
    return new Unreadable(`has something other than plain values: ${this.#text.slice(this.#at, this.#at + 40)}`)
  }
}

function integer(word: string): number | bigint {
  const value = Number(word)
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? value : BigInt(word)
}

function float(word: string): number {
  const value = Number(word)
  // It would be sent as an integer, which is another type to Python.
  if (!Number.isFinite(value) || Number.isInteger(value)) throw new Unreadable(`has the number ${word}`)
  return value
}
