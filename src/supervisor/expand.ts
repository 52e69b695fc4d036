/** What the names in a value stand for. */
export type Expansions = Readonly<Record<string, string | number>>

const FIELD = /%(?:\(([^)]*)\))?([-+ #0]*)(\d*)(?:\.(\d+))?([a-zA-Z%]?)/g

/**
 * Expands a value as Python's `%` operator does with a dictionary: `%(name)s`, `%(process_num)02d`, `%%`. What it stands
 * for is not expanded again. Throws an Error that says what is wrong.
 */
export function expand(text: string, expansions: Expansions): string {
  return text.replace(
    FIELD,
    (field, name: string | undefined, flags: string, width: string, precision, kind: string) => {
      if (kind === '%') return '%'
      if (name === undefined) throw new Error(`has a lone % in '${text}': write %% for a percent sign`)
      if (!Object.hasOwn(expansions, name)) {
        const known = Object.keys(expansions).toSorted().join(', ')
        throw new Error(`cannot expand ${field} in '${text}': known are ${known}`)
      }
      const value = expansions[name] as string | number
      return pad(format(value, kind, precision as string | undefined, field), flags, Number(width || 0))
    },
  )
}

function format(value: string | number, kind: string, precision: string | undefined, field: string): string {
  switch (kind) {
    case 's':
      return precision === undefined ? String(value) : String(value).slice(0, Number(precision))
    case 'd':
    case 'i':
    case 'u':
      if (typeof value !== 'number') throw new Error(`cannot expand ${field}: '${value}' is no number`)
      return String(Math.trunc(value)).padStart(Number(precision ?? 0), '0')
    case 'x':
    case 'X':
    case 'o': {
      if (typeof value !== 'number') throw new Error(`cannot expand ${field}: '${value}' is no number`)
      const digits = value.toString(kind === 'o' ? 8 : 16)
      return kind === 'X' ? digits.toUpperCase() : digits
    }
    default:
      throw new Error(`is badly formatted at '${field}': use s or d`)
  }
}

function pad(text: string, flags: string, width: number): string {
  if (flags.includes('-')) return text.padEnd(width)
  return text.padStart(width, flags.includes('0') && /^\d/.test(text) ? '0' : ' ')
}
