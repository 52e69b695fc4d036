import { Reader } from './reader.ts'

/** An expression as JavaScript. One that has many values is a call, or `...`: JavaScript of the list of them. */
export interface Expression {
  readonly one: string
  readonly all?: string
  /** What stands left of `=`: how a value is put there. */
  readonly put?: (value: string) => string
}

/** Binary operators, how strongly they bind to the left and to the right, and what they are in JavaScript. */
const BINARY: Readonly<Record<string, readonly [left: number, right: number, js: (a: string, b: string) => string]>> = {
  '^': [10, 9, (a, b) => `(L.num(${a}) ** L.num(${b}))`],
  '*': [7, 7, (a, b) => `(L.num(${a}) * L.num(${b}))`],
  '/': [7, 7, (a, b) => `(L.num(${a}) / L.num(${b}))`],
  '%': [7, 7, (a, b) => `L.modulo(L.num(${a}), L.num(${b}))`],
  '+': [6, 6, (a, b) => `(L.num(${a}) + L.num(${b}))`],
  '-': [6, 6, (a, b) => `(L.num(${a}) - L.num(${b}))`],
  '..': [5, 4, (a, b) => `(L.str(${a}) + L.str(${b}))`],
  '==': [3, 3, (a, b) => `(${a} === ${b})`],
  '~=': [3, 3, (a, b) => `(${a} !== ${b})`],
  '<': [3, 3, (a, b) => `L.less(${a}, ${b})`],
  '<=': [3, 3, (a, b) => `L.lessEqual(${a}, ${b})`],
  '>': [3, 3, (a, b) => `L.less(${b}, ${a})`],
  '>=': [3, 3, (a, b) => `L.lessEqual(${b}, ${a})`],
  and: [2, 2, () => ''],
  or: [1, 1, () => ''],
}

const UNARY = 8

/** Compiles expressions. */
export abstract class Expressions extends Reader {
  /** Statements until one of these words, which is left. */
  protected abstract block(...ends: string[]): string

  protected expressions(): Expression[] {
    const list = [this.expression()]
    while (this.accept(',')) list.push(this.expression())
    return list
  }

  /** All values of expressions, of which the last may have many. */
  protected list(values: readonly Expression[]): string {
    const last = values.at(-1)
    if (values.length === 1 && last?.all) return last.all
    return `[${this.arguments(values)}]`
  }

  protected arguments(values: readonly Expression[]): string {
    return values.map(({ one, all }, i) => (all && i === values.length - 1 ? `...${all}` : one)).join(', ')
  }

  protected expression(above = 0): Expression {
    let left = this.unary()
    for (;;) {
      const { kind, text } = this.next
      const operator = kind === 'symbol' || kind === 'keyword' ? BINARY[text] : undefined
      if (!operator || operator[0] <= above) return left
      this.take()
      const a = left.one
      const place = text === 'and' || text === 'or' ? this.place() : ''
      const b = this.expression(operator[1]).one
      if (text === 'and') left = { one: `(L.truthy(${place} = ${a}) ? ${b} : ${place})` }
      else if (text === 'or') left = { one: `(L.truthy(${place} = ${a}) ? ${place} : ${b})` }
      else left = { one: operator[2](a, b) }
    }
  }

  protected unary(): Expression {
    if (this.accept('not')) return { one: `!L.truthy(${this.expression(UNARY).one})` }
    if (this.accept('-')) return { one: `(-L.num(${this.expression(UNARY).one}))` }
    if (this.accept('#')) return { one: `L.length(${this.expression(UNARY).one})` }
    const { kind, text } = this.next
    if (kind === 'number' || kind === 'string') {
      this.take()
      return { one: kind === 'number' ? String(Number(text)) : JSON.stringify(text) }
    }
    for (const [word, js] of [
      ['nil', 'undefined'],
      ['true', 'true'],
      ['false', 'false'],
    ] as const) {
      if (this.accept(word)) return { one: js }
    }
    if (this.accept('...')) return { one: 'rest$[0]', all: 'rest$' }
    if (this.accept('function')) return { one: this.functionBody() }
    if (this.is('{')) return { one: this.table() }
    return this.suffixed()
  }

  /** A name or an expression in brackets, and what is called of it or taken out of it. */
  protected suffixed(): Expression {
    let left = this.primary()
    for (;;) {
      const base = left.one
      if (this.accept('.')) {
        left = this.indexed(base, JSON.stringify(this.name()))
      } else if (this.accept('[')) {
        const key = this.expression().one
        this.expect(']')
        left = this.indexed(base, key)
      } else if (this.accept(':')) {
        const place = this.place()
        const name = JSON.stringify(this.name())
        left = called(
          `L.index((${place} = ${base}), ${name})`,
          [place, this.callArguments()].filter(Boolean).join(', '),
        )
      } else if (this.is('(') || this.is('{') || this.next.kind === 'string') {
        left = called(base, this.callArguments())
      } else {
        return left
      }
    }
  }

  protected indexed(base: string, key: string): Expression {
    return { one: `L.index(${base}, ${key})`, put: (value) => `L.setIndex(${base}, ${key}, ${value})` }
  }

  protected callArguments(): string {
    if (this.is('{')) return this.table()
    if (this.next.kind === 'string') return JSON.stringify(this.take().text)
    this.expect('(')
    if (this.accept(')')) return ''
    const js = this.arguments(this.expressions())
    this.expect(')')
    return js
  }

  protected primary(): Expression {
    if (this.accept('(')) {
      const { one } = this.expression()
      this.expect(')')
      return { one: `(${one})` }
    }
    const name = this.name()
    const js = this.known(name)
    if (js !== undefined) return { one: js, put: (value) => `${js} = ${value}` }
    const put = (): string => `L.refuse(${JSON.stringify(name)})`
    return { one: `G(${JSON.stringify(name)})`, put }
  }

  protected functionBody(): string {
    this.expect('(')
    const names: string[] = []
    let hasRest = false
    while (!this.is(')')) {
      if (this.accept('...')) hasRest = true
      else names.push(this.name())
      if (!this.accept(',')) break
    }
    this.expect(')')
    let parameters = ''
    const body = this.function(() => {
      parameters = [...names.map((name) => this.declare(name)), ...(hasRest ? ['...rest$'] : [])].join(', ')
      return this.block('end')
    })
    this.expect('end')
    return `((${parameters}) => {\n${body}\n})`
  }

  protected table(): string {
    this.expect('{')
    const list: Expression[] = []
    const pairs: string[] = []
    while (!this.is('}')) {
      const isNamed = this.next.kind === 'name' && this.afterNext?.text === '='
      if (isNamed || this.is('[')) {
        const key = isNamed ? JSON.stringify(this.name()) : this.bracketed()
        this.expect('=')
        pairs.push(`[${key}, ${this.expression().one}]`)
      } else {
        list.push(this.expression())
      }
      if (!this.accept(',') && !this.accept(';')) break
    }
    this.expect('}')
    if (list.length === 0 && pairs.length === 0) return 'new L.Table()'
    return `L.table([${this.arguments(list)}], [${pairs.join(', ')}])`
  }

  protected bracketed(): string {
    this.expect('[')
    const key = this.expression().one
    this.expect(']')
    return key
  }
}

function called(fn: string, args: string): Expression {
  const all = `L.many(L.call(${[fn, args].filter(Boolean).join(', ')}))`
  return { one: `${all}[0]`, all }
}
