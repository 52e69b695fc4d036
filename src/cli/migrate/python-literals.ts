import { isList, isThing, NotUnderstood, type PythonThing, type PythonValue } from './python-value.ts'
import { callOf } from './python-calls.ts'
import type { Token } from './python-tokens.ts'

const END: Token = { kind: 'end', text: '', at: 0 }

/** Weaker ones first. */
const BINARY: readonly (readonly string[])[] = [
  ['+', '-'],
  ['*', '/', '//', '%'],
]

/**
 * The value of an expression that is written with literals, names set before, arithmetic, and calls that are known.
 * @throws NotUnderstood for anything else
 */
export function evaluate(tokens: readonly Token[], names: ReadonlyMap<string, PythonValue>): PythonValue {
  const reader = new Reader(tokens, names)
  const value = reader.tupleOrValue()
  reader.end()
  return value
}

class Reader {
  #tokens: readonly Token[]
  #names: ReadonlyMap<string, PythonValue>
  #at = 0

  constructor(tokens: readonly Token[], names: ReadonlyMap<string, PythonValue>) {
    this.#tokens = tokens
    this.#names = names
  }

  end(): void {
    if (this.#at < this.#tokens.length) throw new NotUnderstood()
  }

  tupleOrValue(): PythonValue {
    const first = this.#binary(0)
    if (!this.#is(',')) return first
    const values = [first]
    while (this.#take(',')) if (this.#at < this.#tokens.length) values.push(this.#binary(0))
    return values
  }

  get #next(): Token {
    return this.#tokens[this.#at] ?? END
  }

  #is(op: string): boolean {
    return this.#next.kind === 'op' && this.#next.text === op
  }

  #take(op: string): boolean {
    if (!this.#is(op)) return false
    this.#at++
    return true
  }

  #need(op: string): void {
    if (!this.#take(op)) throw new NotUnderstood()
  }

  #binary(level: number): PythonValue {
    const operators = BINARY[level]
    if (!operators) return this.#unary()
    let left = this.#binary(level + 1)
    for (;;) {
      const op = this.#next.kind === 'op' ? this.#next.text : ''
      if (!operators.includes(op)) return left
      this.#at++
      left = combine(op, left, this.#binary(level + 1))
    }
  }

  #unary(): PythonValue {
    if (this.#take('-')) return combine('*', this.#unary(), -1)
    if (this.#take('+')) return combine('*', this.#unary(), 1)
    const base = this.#primary()
    if (!this.#take('**')) return base
    const power = this.#unary()
    if (typeof base === 'number' && typeof power === 'number') return checked(base ** power)
    throw new NotUnderstood()
  }

  #primary(): PythonValue {
    const token = this.#next
    this.#at++
    if (token.kind === 'number') return numberOf(token)
    if (token.kind === 'string') return this.#strings(String(token.value))
    if (token.kind === 'fstring') return this.#formatted(String(token.value))
    if (token.kind === 'name') return this.#name(token.text)
    if (token.kind !== 'op') throw new NotUnderstood()
    if (token.text === '(') return this.#parenthesised()
    if (token.text === '[') return this.#list(']')
    if (token.text === '{') return this.#braced()
    throw new NotUnderstood()
  }

  /** Texts that stand beside each other are one. */
  #strings(text: string): string {
    let all = text
    while (this.#next.kind === 'string') {
      all += String(this.#next.value)
      this.#at++
    }
    if (this.#next.kind === 'fstring') throw new NotUnderstood()
    return all
  }

  #formatted(text: string): string {
    if (this.#next.kind === 'string' || this.#next.kind === 'fstring') throw new NotUnderstood()
    return text.replaceAll(/\{\{|\}\}|\{([^{}]*)\}|[{}]/g, (whole, inner?: string) => {
      if (whole === '{{' || whole === '}}') return whole[0] as string
      const value = inner === undefined ? undefined : this.#names.get(inner.trim())
      if (typeof value === 'string' || Number.isInteger(value)) return String(value)
      throw new NotUnderstood()
    })
  }

  #name(first: string): PythonValue {
    if (first === 'True') return true
    if (first === 'False') return false
    if (first === 'None') return null
    let name = first
    while (this.#take('.')) {
      if (this.#next.kind !== 'name') throw new NotUnderstood()
      name += `.${this.#next.text}`
      this.#at++
    }
    if (this.#take('(')) return callOf(name, ...this.#arguments())
    const value = this.#names.get(name)
    if (value === undefined || this.#is('[')) throw new NotUnderstood()
    return value
  }

  #arguments(): [PythonValue[], Map<string, PythonValue>] {
    const positional: PythonValue[] = []
    const named = new Map<string, PythonValue>()
    while (!this.#take(')')) {
      const following = this.#tokens[this.#at + 1]
      if (this.#next.kind === 'name' && following?.kind === 'op' && following.text === '=') {
        const name = this.#next.text
        this.#at += 2
        named.set(name, this.#binary(0))
      } else positional.push(this.#binary(0))
      if (!this.#is(')')) this.#need(',')
    }
    return [positional, named]
  }

  #parenthesised(): PythonValue {
    if (this.#take(')')) return []
    const first = this.#binary(0)
    if (this.#take(')')) return first
    this.#need(',')
    return [first, ...this.#list(')')]
  }

  #list(closer: string): PythonValue[] {
    const values: PythonValue[] = []
    while (!this.#take(closer)) {
      values.push(this.#binary(0))
      if (!this.#is(closer)) this.#need(',')
    }
    return values
  }

  #braced(): PythonValue {
    if (this.#take('}')) return { $: 'dict', items: [] }
    const first = this.#binary(0)
    if (!this.#take(':')) {
      if (this.#take('}')) return [first]
      this.#need(',')
      return [first, ...this.#list('}')]
    }
    const items: [PythonValue, PythonValue][] = [[first, this.#binary(0)]]
    while (!this.#take('}')) {
      this.#need(',')
      if (this.#take('}')) break
      const key = this.#binary(0)
      this.#need(':')
      items.push([key, this.#binary(0)])
    }
    return { $: 'dict', items: lastOfEach(items) }
  }
}

function lastOfEach(items: readonly [PythonValue, PythonValue][]): [PythonValue, PythonValue][] {
  return [...new Map(items.map((item) => [JSON.stringify(item[0]), item])).values()]
}

function numberOf({ text, value }: Token): number {
  // What begins with a zero is octal in Python 2 and an error in 3.
  if (typeof value !== 'number' || Number.isNaN(value) || /^0\d/.test(text)) throw new NotUnderstood()
  return value
}

function checked(value: number): number {
  if (Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER) return value
  throw new NotUnderstood()
}

function combine(op: string, a: PythonValue, b: PythonValue): PythonValue {
  if (typeof a === 'number' && typeof b === 'number') return checked(calculated(op, a, b))
  if (op === '+' && typeof a === 'string' && typeof b === 'string') return a + b
  if (op === '+' && isList(a) && isList(b)) return [...a, ...b]
  if (op === '%' && typeof a === 'string') return formatted(a, isList(b) ? b : [b])
  if (isCores(a) && typeof b === 'number') return cores(op, a, b)
  if (isCores(b) && typeof a === 'number' && (op === '+' || op === '*')) return cores(op, b, a)
  throw new NotUnderstood()
}

function calculated(op: string, a: number, b: number): number {
  if ((op === '/' || op === '//' || op === '%') && b === 0) throw new NotUnderstood()
  switch (op) {
    case '+':
      return a + b
    case '-':
      return a - b
    case '*':
      return a * b
    case '/':
      return a / b
    case '//':
      return Math.floor(a / b)
    default:
      return a - b * Math.floor(a / b)
  }
}

type Cores = Extract<PythonThing, { $: 'cores' }>

function isCores(value: PythonValue): value is Cores {
  return isThing(value) && value.$ === 'cores'
}

function cores(op: string, { times, plus }: Cores, by: number): Cores {
  if (op === '+' || op === '-') return { $: 'cores', times, plus: plus + (op === '+' ? by : -by) }
  if (op === '*') return { $: 'cores', times: times * by, plus: plus * by }
  // A part of a core is none in the end, so that `/` and `//` come to the same.
  if ((op === '/' || op === '//') && by !== 0) return { $: 'cores', times: times / by, plus: plus / by }
  throw new NotUnderstood()
}

/** `%s` and `%d` of Python. */
function formatted(text: string, values: readonly PythonValue[]): string {
  let at = 0
  const made = text.replaceAll(/%(.)/g, (whole, letter: string) => {
    if (letter === '%') return '%'
    const value = values[at++]
    const fits =
      letter === 's' ? typeof value === 'string' || Number.isInteger(value) : letter === 'd' && Number.isInteger(value)
    if (!fits) throw new NotUnderstood(whole)
    return String(value)
  })
  if (at !== values.length) throw new NotUnderstood()
  return made
}
