import { messageOf } from '../../base/errors.ts'
import { evaluate } from './python-literals.ts'
import { linesOf, type Line, type Token } from './python-tokens.ts'
import { NotUnderstood, type CeleryConfig, type PythonValue } from './python-value.ts'

/** Statements that set nothing. */
const HARMLESS = new Set(['import', 'from', 'pass'])

/**
 * Reads a configuration as text, without running it: assignments of what is written out. Anything else is told of, and what
 * it may set is not known: nothing is guessed.
 */
export function readLiterals(source: string, how = 'read as literals'): CeleryConfig {
  const values = new Map<string, PythonValue>()
  const notes: string[] = []
  let lines: readonly Line[]
  try {
    lines = linesOf(source.replace(/^\uFEFF/, ''))
  } catch (error) {
    return { how, values, notes: [`The file cannot be read: ${messageOf(error)}`] }
  }
  for (const line of lines) {
    const [first] = line.tokens
    if (first === undefined) continue
    if (line.indent > 0) {
      // It belongs to an if, a for or a class above it, and may or may not happen.
      for (const name of changedBy(line.tokens)) values.set(name, unknown(line))
      continue
    }
    if (first.kind === 'name' && HARMLESS.has(first.text)) {
      const star = first.text === 'from' && line.tokens.at(-1)?.text === '*'
      if (star) notes.push(`line ${line.number}: what \`${line.text}\` brings is not known without Python`)
      continue
    }
    if (first.kind === 'string' && line.tokens.length === 1) continue
    const note = assign(line, values)
    if (note !== undefined) notes.push(`line ${line.number}: ${note}`)
  }
  return { how, values, notes }
}

function assign({ tokens, ...line }: Line, values: Map<string, PythonValue>): string | undefined {
  const parts = split(tokens)
  const targets = parts.slice(0, -1).map(targetOf)
  const text = line.text.split('\n', 1)[0] ?? ''
  if (parts.length < 2 || targets.includes(undefined)) {
    const changed = changedBy(tokens)
    for (const name of changed) values.set(name, unknown({ tokens, ...line }))
    const what = changed.length > 0 ? `, and ${changed.join(', ')} is not known after it` : ''
    return `\`${text}\` is not understood without Python${what}`
  }
  let value: PythonValue
  try {
    value = evaluate(parts.at(-1) as Token[], values)
  } catch (error) {
    if (!(error instanceof NotUnderstood)) throw error
    value = unknown({ tokens, ...line })
  }
  for (const name of targets as string[]) values.set(name, value)
  return undefined
}

function unknown({ text }: Pick<Line, 'text' | 'tokens'>): PythonValue {
  return { $: 'unknown', text: text.replaceAll(/\s+/g, ' ') }
}

/** The parts between the `=` that stand outside of brackets. */
function split(tokens: readonly Token[]): Token[][] {
  const parts: Token[][] = [[]]
  let depth = 0
  for (const token of tokens) {
    if (token.kind === 'op' && '([{'.includes(token.text)) depth++
    if (token.kind === 'op' && ')]}'.includes(token.text)) depth--
    if (depth === 0 && token.kind === 'op' && token.text === '=') parts.push([])
    else parts.at(-1)?.push(token)
  }
  return parts
}

/** `NAME` or `NAME: type`. */
function targetOf(tokens: readonly Token[]): string | undefined {
  const [name, colon] = tokens
  if (name?.kind !== 'name') return undefined
  return tokens.length === 1 || colon?.text === ':' ? name.text : undefined
}

/** Names that a statement may set or change: `a = 1`, `a += 1`, `a['x'] = 1`, `a.update(...)`, `if b: a = 1`. */
function changedBy(tokens: readonly Token[]): string[] {
  const names: string[] = []
  let depth = 0
  const lastSet = tokens.findLastIndex(({ kind, text }) => kind === 'op' && /^(?:[-+*/%@&|^]|\*\*|\/\/)?=$/.test(text))
  for (const [at, { kind, text }] of tokens.entries()) {
    if (kind === 'op' && '([{'.includes(text)) depth++
    if (kind === 'op' && ')]}'.includes(text)) depth--
    if (depth > 0 || kind !== 'name' || KEYWORDS.has(text)) continue
    const isCalledOn = at === 0 && tokens[1]?.text === '.'
    if (at < lastSet || isCalledOn) names.push(text)
  }
  return names
}

const KEYWORDS = new Set(
  'if else elif try except finally for while with def class in not and or is as return lambda None True False'.split(
    ' ',
  ),
)
