/** A value that is written as code, not as what it is. */
export class Code {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

const WIDTH = 110

/** A value as TypeScript, in the style of the project: single quotes, two spaces, short things on one line. */
export function typescriptOf(value: unknown, indent = ''): string {
  if (value instanceof Code) return value.text
  if (typeof value === 'string') return quoted(value)
  if (typeof value !== 'object' || value === null) return String(value)
  const isList = Array.isArray(value)
  const members = isList
    ? (value as unknown[]).map((member) => [undefined, member] as const)
    : Object.entries(value).filter(([, member]) => member !== undefined)
  if (members.length === 0) return isList ? '[]' : '{}'
  const [open, close] = isList ? ['[', ']'] : ['{ ', ' }']
  const short = members.map(([name, member]) => head(name) + typescriptOf(member)).join(', ')
  if (!short.includes('\n') && indent.length + short.length < WIDTH - 20) return `${open}${short}${close}`
  const inner = `${indent}  `
  const long = members.map(([name, member]) => `${inner}${head(name)}${typescriptOf(member, inner)},\n`).join('')
  return `${open.trim()}\n${long}${indent}${close.trim()}`
}

/** One member of an object, or of a call, as it stands in front of a comma. */
export function memberOf(name: string, value: unknown, indent = ''): string {
  return head(name) + typescriptOf(value, indent)
}

function head(name: string | undefined): string {
  if (name === undefined) return ''
  // By itself it would be the prototype, in quotes too.
  if (name === '__proto__') return "['__proto__']: "
  return `${/^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name)}: `
}

function quoted(text: string): string {
  const inner = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")
  // As the formatter has it: the quotes that need fewer escapes.
  return text.includes("'") && !text.includes('"') ? JSON.stringify(text) : `'${inner}'`
}
