import { redactUrl } from '../base/redact.ts'
import { globSource } from '../protocol/glob.ts'
import type { RedactOptions, TaskRedaction } from './redact-rules.ts'

/** What stands for what is not shown. */
export const REDACTED = '***'

/** Names of secrets, whatever stands around them: `db_password`, `X-Api-Key`, `refreshToken`. */
const USUAL = [
  '*passw*d*',
  '*passphrase*',
  'pwd',
  '*[_-]pwd',
  '*secret*',
  '*token*',
  '*api[_-]key*',
  '*apikey*',
  '*access[_-]key*',
  '*accesskey*',
  '*private[_-]key*',
  '*privatekey*',
  '*authorization*',
  '*credential*',
  'cookie',
  'set-cookie',
  'credit[_-]card*',
  'card[_-]number',
  'cvv',
  'cvc',
  'ssn',
  'iban',
]

/** Longest name of a secret that is looked for. */
const MOST_NAME = 100

/** So deep a value is gone into; what is deeper is not shown. */
const MOST_LEVELS = 20

type Fields = {
  readonly name: string | null | undefined
  readonly args?: string | null
  readonly kwargs?: string | null
  readonly result?: string | null
  readonly error?: string | null
  readonly exception?: string | null
  readonly traceback?: string | null
}

/** Takes secrets out of what leaves the server: texts and values, by the names that stand beside them and by the task. */
export class Redactor {
  readonly #isSecret: (name: string) => boolean
  readonly #rules: readonly { readonly name: RegExp; readonly rule: TaskRedaction }[]
  readonly #byTask = new Map<string, TaskRedaction | undefined>()
  /** All rules together: for a task whose name is not known, which may be any of them. */
  readonly #strictest: TaskRedaction | undefined

  constructor({ keys = [], tasks = {} }: RedactOptions = {}) {
    const names = new RegExp([...USUAL, ...keys].map((key) => `^(?:${globSource(key.toLowerCase())})`).join('|'), 's')
    this.#isSecret = (name) => name.length <= MOST_NAME && names.test(name.toLowerCase())
    this.#rules = Object.entries(tasks).map(([name, rule]) => ({
      name: new RegExp(`^(?:${globSource(name)})`, 's'),
      rule: rule === true ? ALL : rule,
    }))
    this.#strictest = this.#rules.length === 0 ? undefined : this.#rules.map(({ rule }) => rule).reduce(both)
  }

  /** What is shown of a task: the same fields, the secrets in them replaced. The same object where there are none. */
  task<T extends Fields>(shown: T): T {
    const rule = this.#ruleOf(shown.name)
    const changed: Record<string, string> = {}
    const put = (field: keyof Fields, text: (given: string) => string): void => {
      const given = shown[field]
      if (typeof given !== 'string') return
      const redacted = text(given)
      if (redacted !== given) changed[field] = redacted
    }
    const hidden = (isHidden: boolean | undefined) => (given: string) => (isHidden ? REDACTED : this.text(given))
    put('args', (given) => this.#args(given, rule?.args))
    put('kwargs', (given) => this.#kwargs(given, rule?.kwargs))
    put('result', hidden(rule?.result))
    for (const field of ['error', 'exception', 'traceback'] as const) put(field, hidden(rule?.error))
    return Object.keys(changed).length === 0 ? shown : { ...shown, ...changed }
  }

  /** A result, or what a task told of its progress, as a value. */
  result(task: string | null | undefined, value: unknown): unknown {
    return this.#ruleOf(task)?.result ? REDACTED : this.value(value)
  }

  /** What a worker says of itself, and of tasks that it has: `{ name, args, kwargs }`, as values or as text. */
  told(value: unknown): unknown {
    return this.#value(value, 0, (members) => {
      const { name, args, kwargs } = members
      if (typeof name !== 'string' || args === undefined || kwargs === undefined) return members
      const rule = this.#ruleOf(name)
      if (typeof args === 'string' || typeof kwargs === 'string') {
        return { ...members, ...this.task({ name, args: String(args), kwargs: String(kwargs) }) }
      }
      const isHidden = (at: number): boolean =>
        rule?.args === true || (Array.isArray(rule?.args) && rule.args.includes(at))
      const named = Object.entries(kwargs as object).map(([key, member]: [string, unknown]) => {
        const hides = rule?.kwargs === true || (Array.isArray(rule?.kwargs) && rule.kwargs.includes(key))
        return [key, hides ? REDACTED : member]
      })
      const placed = Array.isArray(args) ? args.map((item: unknown, at) => (isHidden(at) ? REDACTED : item)) : args
      return { ...members, args: placed, kwargs: Object.fromEntries(named) as unknown }
    })
  }

  /**
   * Any text, Python's repr of a value among them: what follows the name of a secret (`'password': ...`, `token=...`),
   * passwords in URLs, and what follows `Bearer` and `Basic` is replaced. A text that was cut is no harder.
   */
  text(text: string, isSecret: (name: string) => boolean = this.#isSecret): string {
    return this.#named(unaddressed(text), isSecret)
  }

  /** A value as JSON: members whose names are those of secrets, and secrets in its texts, are replaced. */
  value(value: unknown): unknown {
    return this.#value(value, 0)
  }

  #value(
    value: unknown,
    level: number,
    look: (members: Record<string, unknown>) => Record<string, unknown> = (members) => members,
  ): unknown {
    if (typeof value === 'string') return this.text(value)
    if (typeof value !== 'object' || value === null) return value
    if (level >= MOST_LEVELS) return REDACTED
    if (Array.isArray(value)) return value.map((item) => this.#value(item, level + 1, look))
    const members = Object.entries(look(value as Record<string, unknown>)).map(([name, member]) => {
      const isHidden = this.#isSecret(name) && member !== null && typeof member !== 'boolean'
      return [name, isHidden ? REDACTED : this.#value(member, level + 1, look)]
    })
    return Object.fromEntries(members) as unknown
  }

  #args(text: string, rule: boolean | readonly number[] | undefined): string {
    if (rule === undefined || rule === false) return this.text(text)
    if (rule === true) return REDACTED
    const items = topLevel(text)
    // Which of them is which cannot be told: better none.
    if (!items) return REDACTED
    const kept = items.map((item, at) => (rule.includes(at) ? REDACTED : this.text(item)))
    const close = text.startsWith('[') ? ']' : kept.length === 1 ? ',)' : ')'
    return `${text.charAt(0)}${kept.join(', ')}${close}`
  }

  #kwargs(text: string, rule: boolean | readonly string[] | undefined): string {
    if (rule === true) return REDACTED
    if (rule === undefined || rule === false) return this.text(text)
    return this.text(text, (name) => rule.includes(name) || this.#isSecret(name))
  }

  #named(text: string, isSecret: (name: string) => boolean): string {
    let redacted = ''
    let from = 0
    NAMES.lastIndex = 0
    for (let match = NAMES.exec(text); match; match = NAMES.exec(text)) {
      const name = match[2] ?? match[4] ?? match[5] ?? ''
      if (!isSecret(name)) {
        // A name may begin within what was taken for one.
        NAMES.lastIndex = match.index + Math.max(1, match[0].length - 1)
        continue
      }
      const begin = match.index + match[0].length
      const end = valueEnd(text, begin, match[5] !== undefined)
      if (end === begin) continue
      redacted += `${text.slice(from, begin)}${quotedLike(text, begin)}`
      from = NAMES.lastIndex = end
    }
    return from === 0 ? text : redacted + text.slice(from)
  }

  #ruleOf(task: string | null | undefined): TaskRedaction | undefined {
    if (typeof task !== 'string') return this.#strictest
    if (this.#byTask.has(task)) return this.#byTask.get(task)
    const rules = this.#rules.filter(({ name }) => name.test(task)).map(({ rule }) => rule)
    const rule = rules.length === 0 ? undefined : rules.reduce(both)
    if (this.#byTask.size >= 10_000) this.#byTask.clear()
    this.#byTask.set(task, rule)
    return rule
  }
}

const ALL: TaskRedaction = { args: true, kwargs: true, result: true, error: true }

function both(one: TaskRedaction, other: TaskRedaction): TaskRedaction {
  const list = <T>(a: boolean | readonly T[] = [], b: boolean | readonly T[] = []): boolean | readonly T[] =>
    a === true || b === true ? true : [...(a || []), ...(b || [])]
  return {
    args: list(one.args, other.args),
    kwargs: list(one.kwargs, other.kwargs),
    result: (one.result ?? false) || (other.result ?? false),
    error: (one.error ?? false) || (other.error ?? false),
  }
}

/** A name in quotes before a colon, escaped or not; one before `=`; one before a colon at the beginning of a line. */
const NAMES = new RegExp(
  String.raw`(\\{0,4}["'])([^"'\\\n]{1,${MOST_NAME}})\1\s*(?::|,\s*(?=b?["']))\s*` +
    String.raw`|()\b([\w-]{1,${MOST_NAME}})\s*=\s*(?!=)` +
    String.raw`|(?<=^|[\n,{;&?(]\s{0,8})([\w-]{1,${MOST_NAME}}):\s*`,
  'g',
)

/** Where the value that begins here ends: with its quote, its bracket, or before what follows it. */
function valueEnd(text: string, begin: number, isLine: boolean): number {
  const quote = /^(?:b?)(\\*["'])/.exec(text.slice(begin, begin + 20))
  if (quote) {
    const mark = quote[1] as string
    for (let at = begin + quote[0].length; ; at++) {
      at = text.indexOf(mark, at)
      // Cut: all of the rest is the secret.
      if (at < 0) return text.length
      let backslashes = 0
      while (text.charAt(at - 1 - backslashes) === '\\') backslashes++
      // One quote that is escaped, as in "it\'s", is within. After it one that is not must come.
      if (mark.length > 1 || backslashes % 2 === 0) return at + mark.length
    }
  }
  let depth = 0
  for (let at = begin; at < text.length; at++) {
    const letter = text.charAt(at)
    if ('([{'.includes(letter)) depth++
    else if (')]}'.includes(letter)) {
      if (depth === 0) return at
      if (--depth === 0) return at + 1
    } else if (depth === 0 && (isLine ? /[\n,;]/ : /[\s,;&]/).test(letter)) return at
  }
  return text.length
}

/** In the quotes of what it stands for, so that the text around it reads as before. */
function quotedLike(text: string, begin: number): string {
  const mark = /^b?(\\*["'])/.exec(text.slice(begin, begin + 20))?.[1] ?? (text.charAt(begin - 1) === '=' ? '' : "'")
  return `${mark}${REDACTED}${mark}`
}

/** Passwords in addresses, and what is shown to servers to be let in. */
function unaddressed(text: string): string {
  const bare = text.includes('://')
    ? text.replaceAll(/[a-z][a-z0-9+.-]{0,20}:\/\/[^\s'"<>]+/gi, (url) => redactUrl(url))
    : text
  return bare.replaceAll(/\b(bearer|basic)\s+[\w~+/.=-]{6,}/gi, `$1 ${REDACTED}`)
}

/** The items of a list or tuple as they stand there; undefined: it is none, or was cut. */
function topLevel(text: string): string[] | undefined {
  const inside = /^[([]([\s\S]*)[)\]]$/.exec(text)?.[1]
  if (inside === undefined) return undefined
  const items: string[] = []
  let depth = 0
  let from = 0
  for (let at = 0; at < inside.length; at++) {
    const letter = inside.charAt(at)
    if (letter === '"' || letter === "'") {
      const end = valueEnd(inside, at, false)
      if (end >= inside.length && inside.charAt(inside.length - 1) !== letter) return undefined
      at = end - 1
    } else if ('([{'.includes(letter)) depth++
    else if (')]}'.includes(letter)) depth--
    else if (letter === ',' && depth === 0) {
      items.push(inside.slice(from, at).trim())
      from = at + 1
    }
    if (depth < 0) return undefined
  }
  if (depth !== 0) return undefined
  const last = inside.slice(from).trim()
  if (last !== '') items.push(last)
  return items
}
