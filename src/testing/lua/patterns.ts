import { LuaError, type LuaValue } from './values.ts'

/** Where a pattern of Lua fits: from and to (excluded), both from 0, and what its brackets took. */
export interface Match {
  readonly from: number
  readonly to: number
  readonly captures: readonly LuaValue[]
}

/** The length of a capture that is still open, and of one that says only where it is. */
const OPEN = -1
const POSITION = -2

interface Capture {
  readonly from: number
  length: number
}

const CLASSES: Readonly<Record<string, (code: number) => boolean>> = {
  a: (code) => (code >= 65 && code <= 90) || (code >= 97 && code <= 122),
  c: (code) => code < 32 || code === 127,
  d: (code) => code >= 48 && code <= 57,
  l: (code) => code >= 97 && code <= 122,
  p: (code) => code > 32 && code < 127 && !/[A-Za-z0-9]/.test(String.fromCodePoint(code)),
  s: (code) => code === 32 || (code >= 9 && code <= 13),
  u: (code) => code >= 65 && code <= 90,
  w: (code) => /[A-Za-z0-9]/.test(String.fromCodePoint(code)),
  x: (code) => /[A-Fa-f0-9]/.test(String.fromCodePoint(code)),
  z: (code) => code === 0,
}

/** The first match of a pattern at or after `init`. */
export function findPattern(text: string, pattern: string, init: number): Match | undefined {
  const isAnchored = pattern.startsWith('^')
  for (let from = init; from <= text.length; from++) {
    const matcher = new Matcher(text, pattern)
    const to = matcher.match(from, isAnchored ? 1 : 0)
    if (to !== undefined) return { from, to, captures: matcher.captured() }
    if (isAnchored) break
  }
  return undefined
}

/** Lua's own way: it tries, and goes back. */
class Matcher {
  readonly #text: string
  readonly #pattern: string
  #captures: Capture[] = []

  constructor(text: string, pattern: string) {
    this.#text = text
    this.#pattern = pattern
  }

  captured(): LuaValue[] {
    return this.#captures.map(({ from, length }) => {
      if (length === OPEN) throw new LuaError('unfinished capture')
      return length === POSITION ? from + 1 : this.#text.slice(from, from + length)
    })
  }

  /** Where the match of the pattern from `p` on ends, that begins at `s`. */
  match(s: number, p: number): number | undefined {
    const pattern = this.#pattern
    if (p === pattern.length) return s
    const char = pattern[p]
    if (char === '(') {
      const isPosition = pattern[p + 1] === ')'
      return this.#open(s, p + (isPosition ? 2 : 1), isPosition ? POSITION : OPEN)
    }
    if (char === ')') return this.#close(s, p + 1)
    if (char === '$' && p + 1 === pattern.length) return s === this.#text.length ? s : undefined
    if (char === '%' && /[bf0-9]/.test(pattern[p + 1] ?? '')) throw new LuaError(`%${pattern[p + 1]} is not modelled`)
    const end = this.#endOfClass(p)
    const suffix = pattern[end]
    if (suffix === '?') {
      const taken = this.#fits(s, p, end) ? this.match(s + 1, end + 1) : undefined
      return taken ?? this.match(s, end + 1)
    }
    if (suffix === '*') return this.#most(s, p, end)
    if (suffix === '+') return this.#fits(s, p, end) ? this.#most(s + 1, p, end) : undefined
    if (suffix === '-') return this.#fewest(s, p, end)
    return this.#fits(s, p, end) ? this.match(s + 1, end) : undefined
  }

  #most(s: number, p: number, end: number): number | undefined {
    let count = 0
    while (this.#fits(s + count, p, end)) count++
    for (; count >= 0; count--) {
      const to = this.match(s + count, end + 1)
      if (to !== undefined) return to
    }
    return undefined
  }

  #fewest(s: number, p: number, end: number): number | undefined {
    for (let at = s; ; at++) {
      const to = this.match(at, end + 1)
      if (to !== undefined) return to
      if (!this.#fits(at, p, end)) return undefined
    }
  }

  #open(s: number, p: number, length: number): number | undefined {
    const before = this.#captures
    this.#captures = [...before, { from: s, length }]
    const to = this.match(s, p)
    if (to === undefined) this.#captures = before
    return to
  }

  #close(s: number, p: number): number | undefined {
    const capture = this.#captures.findLast(({ length }) => length === OPEN)
    if (!capture) throw new LuaError('invalid pattern capture')
    capture.length = s - capture.from
    const to = this.match(s, p)
    if (to === undefined) capture.length = OPEN
    return to
  }

  /** Behind the class that begins at `p`. */
  #endOfClass(p: number): number {
    const pattern = this.#pattern
    if (pattern[p] === '%') return p + 2
    if (pattern[p] !== '[') return p + 1
    let at = pattern[p + 1] === '^' ? p + 2 : p + 1
    do {
      if (at >= pattern.length) throw new LuaError("malformed pattern (missing ']')")
      at += pattern[at] === '%' ? 2 : 1
    } while (pattern[at] !== ']')
    return at + 1
  }

  #fits(s: number, p: number, end: number): boolean {
    if (s >= this.#text.length) return false
    const code = this.#text.codePointAt(s) as number
    const char = this.#pattern[p]
    if (char === '.') return true
    if (char === '%') return isOfClass(code, this.#pattern[p + 1] ?? '')
    if (char === '[') return this.#isInSet(code, p, end - 1)
    return this.#text[s] === char
  }

  #isInSet(code: number, p: number, end: number): boolean {
    const pattern = this.#pattern
    const isNot = pattern[p + 1] === '^'
    for (let at = isNot ? p + 2 : p + 1; at < end; at++) {
      if (pattern[at] === '%') {
        if (isOfClass(code, pattern[++at] ?? '')) return !isNot
      } else if (pattern[at + 1] === '-' && at + 2 < end) {
        const [low, high] = [pattern.codePointAt(at) as number, pattern.codePointAt(at + 2) as number]
        if (code >= low && code <= high) return !isNot
        at += 2
      } else if (pattern.codePointAt(at) === code) {
        return !isNot
      }
    }
    return isNot
  }
}

function isOfClass(code: number, name: string): boolean {
  const lower = name.toLowerCase()
  const isOf = CLASSES[lower]
  if (!isOf) return code === name.codePointAt(0)
  return isOf(code) === (name === lower)
}
