import { type Token, tokens } from './lexer.ts'

/** Reads a text word by word, and knows which names mean what. */
export class Reader {
  readonly #tokens: Token[]
  #at = 0
  #scopes: Map<string, string>[] = []
  #names = 0
  /** For each function that is being compiled, how many places for values in between it needs. */
  #places: number[] = []

  constructor(text: string) {
    this.#tokens = tokens(text)
  }

  protected get next(): Token {
    return this.#tokens[this.#at] as Token
  }

  protected is(text: string): boolean {
    const { kind, text: is } = this.next
    return is === text && (kind === 'keyword' || kind === 'symbol')
  }

  protected accept(text: string): boolean {
    if (!this.is(text)) return false
    this.#at++
    return true
  }

  protected expect(text: string): void {
    if (!this.accept(text)) throw this.unexpected(text)
  }

  protected name(): string {
    if (this.next.kind !== 'name') throw this.unexpected('a name')
    return (this.#tokens[this.#at++] as Token).text
  }

  protected unexpected(wanted = 'something else'): SyntaxError {
    return new SyntaxError(`line ${this.next.line}: ${this.next.text || 'the end'}, where ${wanted} should be`)
  }

  protected declare(name: string): string {
    const js = `${name}$${++this.#names}`
    this.#scopes.at(-1)?.set(name, js)
    return js
  }

  protected place(): string {
    const at = this.#places.length - 1
    this.#places[at] = (this.#places[at] ?? 0) + 1
    return `t$${this.#places[at]}`
  }

  protected scoped<T>(fn: () => T): T {
    this.#scopes.push(new Map())
    try {
      return fn()
    } finally {
      this.#scopes.pop()
    }
  }

  protected function(body: () => string): string {
    this.#places.push(0)
    const js = this.scoped(body)
    const count = this.#places.pop() ?? 0
    const places = Array.from({ length: count }, (_, i) => `t$${i + 1}`)
    return count === 0 ? js : `let ${places.join(', ')}\n${js}`
  }

  /** The word after the next one. */
  protected get afterNext(): Token | undefined {
    return this.#tokens[this.#at + 1]
  }

  protected take(): Token {
    return this.#tokens[this.#at++] as Token
  }

  /** What a name of a scope is in JavaScript; undefined where it is none. */
  protected known(name: string): string | undefined {
    return this.#scopes.findLast((scope) => scope.has(name))?.get(name)
  }
}
