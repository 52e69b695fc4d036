import { MAX_DEPTH, MAX_DIGITS } from './json-limits.ts'

/** The text cannot be read, and why. Never leaves the room: who reads says what the text was meant to be. */
export class CannotRead extends Error {}

/**
 * Reads what JSON.parse cannot, or not exactly: Python's NaN and Infinity, integers beyond 2^53. Slower; the caller keeps
 * it for text that needs it, and has checked the depth.
 */
export function readJson(text: string): unknown {
  const reader = new Reader(text)
  const value = reader.value()
  reader.end()
  return value
}

/** Whether lists and objects nest deeper than the limit. Reads brackets only; says nothing about whether it is JSON. */
export function nestsTooDeep(text: string): boolean {
  if (text.length <= 2 * MAX_DEPTH) return false
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x22) {
      at = endOfText(text, at)
      if (at < 0) return false
    } else if ((code | 0x20) === 0x7b) {
      if (++depth > MAX_DEPTH) return true
    } else if ((code | 0x20) === 0x7d) {
      depth--
    }
  }
  return false
}

/** Where the text that begins with the quote at `start` ends, or -1. */
function endOfText(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let slash = quote - 1
    while (text.charCodeAt(slash) === 0x5c) slash--
    if ((quote - slash) % 2 === 1) return quote
  }
  return -1
}

/**
 * Whether the name of a member is written with an escape. In V8 12.8 to 14.6 at least (Node 24 and 26) `JSON.parse` may
 * take such a name for another one that it read before: after `{"a": [], "\\": 0}`, `{"a": 0, "\n": 0}` has the
 * member `\` (nodejs/node issue 63785). Python escapes every name that is not ASCII.
 */
export function hasEscapedName(text: string): boolean {
  for (let slash = text.indexOf('\\'); slash >= 0;) {
    // Outside of a text there is no backslash in JSON, so this is inside of one; it ends at the next bare quote.
    const end = endOfText(text, slash - 1)
    if (end < 0) return false
    let next = end + 1
    while (isSpace(text.charCodeAt(next))) next++
    if (text.charCodeAt(next) === 0x3a) return true
    slash = text.indexOf('\\', next)
  }
  return false
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09
}

const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?/y
const SPACE = /[ \t\n\r]*/y
const WORDS: readonly (readonly [string, unknown])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
]

class Reader {
  #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
    this.#space()
  }

  value(): unknown {
    const first = this.#text[this.#at]
    if (first === '"') return this.#string()
    if (first === '{') return this.#object()
    if (first === '[') return this.#list()
    for (const [word, value] of WORDS) {
      if (!this.#text.startsWith(word, this.#at)) continue
      this.#skip(word.length)
      return value
    }
    return this.#number()
  }

  end(): void {
    if (this.#at < this.#text.length) throw this.#unexpected()
  }

  #list(): unknown[] {
    const list: unknown[] = []
    this.#skip(1)
    if (this.#take(']')) return list
    for (;;) {
      list.push(this.value())
      if (this.#take(']')) return list
      this.#expect(',')
    }
  }

  #object(): Record<string, unknown> {
    const object: Record<string, unknown> = {}
    this.#skip(1)
    if (this.#take('}')) return object
    for (;;) {
      if (this.#text[this.#at] !== '"') throw this.#unexpected()
      const name = this.#string()
      this.#expect(':')
      const value = this.value()
      // A plain assignment of this name would change the prototype instead of adding a member.
      if (name === '__proto__') {
        Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true })
      } else object[name] = value
      if (this.#take('}')) return object
      this.#expect(',')
    }
  }

  #string(): string {
    const start = this.#at
    const end = endOfText(this.#text, start)
    if (end < 0) throw new CannotRead(`the text that begins at position ${start} does not end`)
    try {
      const value = JSON.parse(this.#text.slice(start, end + 1)) as string
      this.#skip(end + 1 - start)
      return value
    } catch {
      throw new CannotRead(`bad escape or control character in the text at position ${start}`)
    }
  }

  #number(): number | bigint {
    NUMBER.lastIndex = this.#at
    const match = NUMBER.exec(this.#text)
    if (!match) throw this.#unexpected()
    const [digits, fraction, exponent] = match
    const start = this.#at
    this.#skip(digits.length)
    const value = Number(digits)
    if (fraction !== undefined || exponent !== undefined || Number.isSafeInteger(value)) return value
    if (digits.length > MAX_DIGITS) throw new CannotRead(`more than ${MAX_DIGITS} digits at position ${start}`)
    return BigInt(digits)
  }

  #take(mark: string): boolean {
    if (this.#text[this.#at] !== mark) return false
    this.#skip(1)
    return true
  }

  #expect(mark: string): void {
    if (!this.#take(mark)) throw this.#unexpected()
  }

  #skip(length: number): void {
    this.#at += length
    this.#space()
  }

  #space(): void {
    const code = this.#text.charCodeAt(this.#at)
    // NaN, the code past the end, compares false too.
    if (!(code <= 0x20)) return
    SPACE.lastIndex = this.#at
    SPACE.test(this.#text)
    this.#at = SPACE.lastIndex
  }

  #unexpected(): CannotRead {
    const found = this.#text[this.#at]
    if (found === undefined) return new CannotRead('it ends too soon')
    return new CannotRead(`unexpected ${JSON.stringify(found)} at position ${this.#at}`)
  }
}
