/** Longest key that may stand before its colon; longer ones have a mark of their own. */
const LONGEST_SIMPLE_KEY = 128

/** What YAML 1.1 takes for something else than text, or another reader of it may. */
const WORDS = /^(?:y|n|yes|no|on|off|true|false|null)$/i

const PLAIN = /^[A-Za-z_][A-Za-z0-9_]*(?:[ ./-][A-Za-z0-9_]+)*$/

/**
 * Plain data as YAML 1.1 in the style of PyYAML's safe_dump: blocks, sorted names, ASCII. Written here, because a text that
 * the package leaves without quotes may be none to PyYAML (`=`, `1e3`), nor all characters letters.
 */
export function writeYaml(value: unknown): string {
  return `${block(value, '', false)}\n`
}

/** `isInMap`: after `name:`, where a list needs no indent of its own. Starts on the line where it stands. */
function block(value: unknown, indent: string, isInMap: boolean): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]'
    const lines = value.map((member) => `- ${block(member, `${indent}  `, false)}`)
    return lead(indent, isInMap) + lines.join(`\n${indent}`)
  }
  if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    const names = Object.keys(value).toSorted(byCodePoint)
    if (names.length === 0) return '{}'
    const lines = names.map((name) => member(name, (value as Record<string, unknown>)[name], indent))
    return lead(indent, isInMap) + lines.join(`\n${indent}`)
  }
  return `${isInMap ? ' ' : ''}${scalar(value)}`
}

function member(name: string, value: unknown, indent: string): string {
  const key = text(name)
  if (key.length > LONGEST_SIMPLE_KEY) return `? ${key}\n${indent}: ${block(value, `${indent}  `, false)}`
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value)
  const written = block(value, isMap ? `${indent}  ` : indent, true)
  return written === '[]' || written === '{}' ? `${key}: ${written}` : `${key}:${written}`
}

function lead(indent: string, isInMap: boolean): string {
  return isInMap ? `\n${indent}` : ''
}

function scalar(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (typeof value === 'string') return text(value)
  if (typeof value === 'number') return String(value).replace(/^(-?\d+)e/, '$1.0e')
  if (value instanceof Uint8Array) return `!!binary "${Buffer.from(value).toString('base64')}"`
  return String(value)
}

function text(value: string): string {
  if (PLAIN.test(value) && !WORDS.test(value)) return value
  if (/^[\x20-\x7e]*$/.test(value)) return `'${value.replaceAll("'", "''")}'`
  // By whole characters: YAML has no surrogates.
  return `"${Array.from(value, escaped).join('')}"`
}

function escaped(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`
  if (/^[\x20-\x7e]$/.test(character)) return character
  const code = character.codePointAt(0) as number
  if (code > 0xff_ff) return `\\U${code.toString(16).toUpperCase().padStart(8, '0')}`
  return code > 0xff
    ? `\\u${code.toString(16).toUpperCase().padStart(4, '0')}`
    : `\\x${code.toString(16).padStart(2, '0')}`
}

/** Python's order of texts. */
function byCodePoint(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b))
}
