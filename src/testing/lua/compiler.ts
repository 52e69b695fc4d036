import { type Expression, Expressions } from './expressions.ts'
import { RUNTIME } from './library.ts'
import type { LuaFunction, LuaValue } from './values.ts'

/** A chunk, compiled: run with what its names outside mean, it gives the values that it returns. */
export type Chunk = (globals: (name: string) => LuaValue) => readonly LuaValue[]

/**
 * Compiles a text of Lua 5.1 to JavaScript. It knows no metatables, coroutines and `goto`, and a chunk cannot make names for
 * others: scripts of Redis may not either.
 * @throws SyntaxError
 */
export function compile(text: string): Chunk {
  const body = new Compiler(text).chunk()
  // It is made of nothing but our own scripts, by the compiler below.
  // oxlint-disable-next-line typescript/no-implied-eval
  const run = new Function('L', 'G', `"use strict"\n${body}`) as (
    runtime: typeof RUNTIME,
    globals: (name: string) => LuaValue,
  ) => ReturnType<LuaFunction>
  return (globals) => RUNTIME.many(run(RUNTIME, globals))
}

/** Compiles statements. */
class Compiler extends Expressions {
  chunk(): string {
    const body = this.function(() => this.block('end'))
    if (this.next.kind !== 'end') throw this.unexpected()
    return body
  }

  /** Statements until one of these words, which is left. */
  protected block(...ends: string[]): string {
    const lines: string[] = []
    while (this.next.kind !== 'end' && !ends.some((end) => this.is(end))) {
      const isLast = this.is('return') || this.is('break')
      lines.push(this.statement())
      this.accept(';')
      if (isLast) break
    }
    return lines.join('\n')
  }

  /** A block with names of its own, and the word that ends it. */
  protected body(...ends: string[]): string {
    const js = this.scoped(() => this.block(...ends))
    return `{\n${js}\n}`
  }

  protected statement(): string {
    if (this.accept('local')) return this.accept('function') ? this.localFunction() : this.local()
    if (this.accept('if')) return this.if()
    if (this.accept('for')) return this.for()
    if (this.accept('while')) {
      const test = this.expression().one
      this.expect('do')
      const body = this.body('end')
      this.expect('end')
      return `while (L.truthy(${test})) ${body}`
    }
    if (this.accept('repeat')) return this.repeat()
    if (this.accept('do')) {
      const body = this.body('end')
      this.expect('end')
      return body
    }
    if (this.accept('break')) return 'break'
    if (this.accept('return')) {
      const isEmpty = this.next.kind === 'end' || ['end', 'else', 'elseif', 'until', ';'].some((end) => this.is(end))
      return isEmpty ? 'return undefined' : `return ${this.list(this.expressions())}`
    }
    return this.assignment()
  }

  protected localFunction(): string {
    const js = this.declare(this.name())
    return `let ${js} = ${this.functionBody()}`
  }

  protected local(): string {
    const names = [this.name()]
    while (this.accept(',')) names.push(this.name())
    const values = this.accept('=') ? this.expressions() : []
    // The names mean what they did before until here.
    if (values.length === names.length || !values.at(-1)?.all) {
      const extra = values.slice(names.length).map(({ one }) => one)
      const parts = names.map((_, i) => values[i]?.one ?? 'undefined')
      if (names.length === 1 && extra.length === 0) return `let ${this.declare(names[0] as string)} = ${parts[0]}`
      return `let [${names.map((name) => this.declare(name)).join(', ')}] = [${[...parts, ...extra].join(', ')}]`
    }
    return `let [${names.map((name) => this.declare(name)).join(', ')}] = ${this.list(values)}`
  }

  protected if(): string {
    const test = this.expression().one
    this.expect('then')
    let js = `if (L.truthy(${test})) ${this.body('elseif', 'else', 'end')}`
    if (this.accept('elseif')) return `${js} else {\n${this.if()}\n}`
    if (this.accept('else')) js += ` else ${this.body('end')}`
    this.expect('end')
    return js
  }

  protected repeat(): string {
    return this.scoped(() => {
      const body = this.block('until')
      this.expect('until')
      return `for (;;) {\n${body}\nif (L.truthy(${this.expression().one})) break\n}`
    })
  }

  protected for(): string {
    const names = [this.name()]
    while (this.accept(',')) names.push(this.name())
    const isNumeric = this.accept('=')
    if (!isNumeric) this.expect('in')
    const values = this.expressions()
    this.expect('do')
    const js = this.scoped(() => {
      if (isNumeric) {
        const [a, b, c = { one: '1' }] = values
        const inner = this.declare(names[0] as string)
        const start = `const [i$from, i$to, i$step] = [L.num(${a?.one}), L.num(${b?.one}), L.num(${c.one})]`
        const test = `i$step > 0 ? i$at <= i$to : i$at >= i$to`
        return `{\n${start}\nfor (let i$at = i$from; ${test}; i$at += i$step) {\nlet ${inner} = i$at\n${this.block('end')}\n}\n}`
      }
      const own = names.map((name) => this.declare(name))
      const start = `let [i$next, i$of, i$key] = ${this.list(values)}`
      const head = `let [${own.join(', ')}] = L.many(L.call(i$next, i$of, i$key))\nif (${own[0]} === undefined) break\ni$key = ${own[0]}`
      return `{\n${start}\nfor (;;) {\n${head}\n${this.block('end')}\n}\n}`
    })
    this.expect('end')
    return js
  }

  protected assignment(): string {
    if (this.accept('function')) {
      const target = this.suffixed()
      return target.put?.(this.functionBody()) ?? ''
    }
    const targets = [this.suffixed()]
    while (this.accept(',')) targets.push(this.suffixed())
    if (!this.is('=')) {
      if (targets.length > 1 || !targets[0]?.all) throw this.unexpected('a call')
      return targets[0].one
    }
    this.expect('=')
    const values = this.expressions()
    const put = (target: Expression, value: string): string => {
      if (!target.put) throw this.unexpected('a place for a value')
      return target.put(value)
    }
    if (targets.length === 1 && values.length === 1) return put(targets[0] as Expression, values[0]?.one as string)
    const list = this.place()
    return [`${list} = ${this.list(values)}`, ...targets.map((target, i) => put(target, `${list}[${i}]`))].join('\n')
  }
}
