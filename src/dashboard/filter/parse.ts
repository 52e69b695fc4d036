import { type Duration, milliseconds } from '../../base/duration.ts'
import { LovageError } from '../../base/errors.ts'

/** Fields whose value is a text. */
const TEXT_FIELDS = ['state', 'name', 'queue', 'worker', 'args', 'kwargs', 'error', 'result', 'id'] as const
/** Fields that compare the time of the last change with a length of time ago. */
const AGE_FIELDS = ['older', 'newer'] as const
/** Fields that are compared: `runtime>2s`. */
const NUMBER_FIELDS = ['runtime', 'wait', 'retries'] as const

export type TextField = (typeof TEXT_FIELDS)[number]
export type AgeField = (typeof AGE_FIELDS)[number]
export type NumberField = (typeof NUMBER_FIELDS)[number]
export type Comparison = '<' | '<=' | '>' | '>='

/** What a filter asks for. */
export type Filter =
  | { readonly kind: 'all' }
  /** `any`: a word without a field. Quoted: the whole value, not a part of it. */
  | { readonly kind: 'text'; readonly field: TextField | 'any'; readonly text: string; readonly isQuoted: boolean }
  | { readonly kind: 'age'; readonly field: AgeField; readonly ms: number }
  | { readonly kind: 'number'; readonly field: NumberField; readonly is: Comparison; readonly value: number }
  | { readonly kind: 'and' | 'or'; readonly of: readonly Filter[] }
  | { readonly kind: 'not'; readonly of: Filter }

const MOST_CHARACTERS = 2_000
const MOST_TERMS = 100
const MOST_DEPTH = 20

const FIELDS: readonly string[] = [...TEXT_FIELDS, ...AGE_FIELDS, ...NUMBER_FIELDS]

/**
 * Reads a filter: `state:FAILURE (queue:mail OR queue:sms) -name:"mail.send" runtime>2s timeout`. Words without a field are
 * looked for in id, name, arguments and error. An empty text is all.
 * @throws LovageError `FILTER_INVALID`, with `at`, the offset in the text
 */
export function parseFilter(text: string): Filter {
  if (text.length > MOST_CHARACTERS) {
    throw problem(MOST_CHARACTERS, `is longer than ${MOST_CHARACTERS} characters`, 'Ask for less')
  }
  return new Reader(text).read()
}

class Reader {
  readonly #text: string
  #at = 0
  #terms = 0

  constructor(text: string) {
    this.#text = text
  }

  read(): Filter {
    this.#space()
    if (this.#isEnd) return { kind: 'all' }
    const filter = this.#or(0)
    if (!this.#isEnd) throw this.#wrong('has a ) that nothing opens', 'Take it out')
    return filter
  }

  get #isEnd(): boolean {
    return this.#at >= this.#text.length
  }

  #or(depth: number): Filter {
    const parts = [this.#and(depth)]
    while (this.#word('OR')) parts.push(this.#and(depth))
    return parts.length === 1 ? (parts[0] as Filter) : { kind: 'or', of: parts }
  }

  #and(depth: number): Filter {
    const parts: Filter[] = []
    for (;;) {
      this.#space()
      if (this.#word('AND') && parts.length === 0) throw this.#wrong('has nothing before AND', 'Write a term there')
      if (this.#isEnd || this.#text[this.#at] === ')' || this.#isWord('OR')) break
      parts.push(this.#not(depth))
    }
    if (parts.length === 0) throw this.#wrong('has nothing where a term must be', 'Write state:FAILURE, say')
    return parts.length === 1 ? (parts[0] as Filter) : { kind: 'and', of: parts }
  }

  #not(depth: number): Filter {
    if (depth > MOST_DEPTH) throw this.#wrong(`nests deeper than ${MOST_DEPTH}`, 'Ask for less')
    if (this.#word('NOT')) {
      this.#space()
      return { kind: 'not', of: this.#not(depth + 1) }
    }
    if (this.#text[this.#at] === '-') {
      this.#at++
      return { kind: 'not', of: this.#not(depth + 1) }
    }
    if (this.#isEnd || this.#text[this.#at] === ')') {
      throw this.#wrong('has nothing where a term must be', 'Write state:FAILURE, say')
    }
    if (this.#text[this.#at] !== '(') return this.#term()
    const opened = this.#at++
    const inner = this.#or(depth + 1)
    this.#space()
    if (this.#text[this.#at] !== ')')
      throw problem(opened, 'has a ( that nothing closes', 'Write ) behind its last term')
    this.#at++
    return inner
  }

  #term(): Filter {
    if (++this.#terms > MOST_TERMS) throw this.#wrong(`has more than ${MOST_TERMS} terms`, 'Ask for less')
    const from = this.#at
    const [, field = '', sign = ''] = /^([A-Za-z]+)(:|>=|<=|>|<)/.exec(this.#text.slice(from, from + 40)) ?? []
    const name = field.toLowerCase()
    if (!FIELDS.includes(name)) {
      // A time of the day, or a URL in the arguments, has a colon too.
      if (sign === ':' && /^[a-z]+$/i.test(field) && !/^(https?|redis|amqps?)$/i.test(field)) {
        throw this.#wrong(
          `has a field ${field} that there is not`,
          `Use one of: ${FIELDS.join(', ')}; or put it in quotes`,
        )
      }
      return { kind: 'text', field: 'any', ...this.#value() }
    }
    this.#at += field.length + sign.length
    const at = this.#at
    const isNumber = (NUMBER_FIELDS as readonly string[]).includes(name)
    if (isNumber === (sign === ':')) {
      const fix = isNumber ? `Write ${name}>2` : `Write ${name}:value`
      throw problem(from, `compares ${name} with ${sign}`, fix)
    }
    const { text, isQuoted } = this.#value()
    if (text === '') throw problem(at, `has no value for ${name}`, `Write ${name}${sign}value`)
    if (name === 'older' || name === 'newer') return { kind: 'age', field: name, ms: timeOf(text, at) }
    if (!isNumber) return { kind: 'text', field: name as TextField, text, isQuoted }
    const value = name === 'retries' ? countOf(text, at) : timeOf(text, at)
    return { kind: 'number', field: name as NumberField, is: sign as Comparison, value }
  }

  /** A word, or a text in quotes in which \" is a quote. */
  #value(): { text: string; isQuoted: boolean } {
    if (this.#text[this.#at] !== '"') {
      const [word = ''] = /^[^\s()]*/.exec(this.#text.slice(this.#at)) ?? []
      this.#at += word.length
      return { text: word, isQuoted: false }
    }
    const [quoted] = /^"(?:[^"\\]|\\.)*"/s.exec(this.#text.slice(this.#at)) ?? []
    if (quoted === undefined) throw this.#wrong('has a quote that nothing closes', 'Write " behind the text')
    this.#at += quoted.length
    return { text: quoted.slice(1, -1).replace(/\\(.)/gs, '$1'), isQuoted: true }
  }

  #isWord(word: string): boolean {
    const { length } = word
    const next = this.#text[this.#at + length]
    return this.#text.startsWith(word, this.#at) && (next === undefined || /[\s()]/.test(next))
  }

  #word(word: string): boolean {
    this.#space()
    if (!this.#isWord(word)) return false
    this.#at += word.length
    return true
  }

  #space(): void {
    while (!this.#isEnd && /\s/.test(this.#text[this.#at] as string)) this.#at++
  }

  #wrong(what: string, fix: string): LovageError {
    return problem(this.#at, what, fix)
  }
}

function timeOf(text: string, at: number): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  try {
    return milliseconds(text as Duration)
  } catch {
    throw problem(at, `has ${text.slice(0, 40)}, which is no length of time`, 'Write 500ms, 2s, 5m, 3h or 1d')
  }
}

function countOf(text: string, at: number): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw problem(at, `has ${text.slice(0, 40)}, which is no whole number`, 'Write 0 or more')
}

function problem(at: number, what: string, fix: string): LovageError {
  return new LovageError('FILTER_INVALID', { problem: what, at, fix })
}
