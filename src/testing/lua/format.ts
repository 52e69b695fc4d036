import { LuaError, type LuaValue, numberText, OPERATORS } from './values.ts'

const { str, num } = OPERATORS

const SPEC = /%(?:%|([-+ #0]*)(\d*)(?:\.(\d*))?([a-zA-Z]))/g

const compiled = new Map<string, (values: readonly LuaValue[]) => string>()

/** More formats than all scripts have; what is dropped is only compiled again. */
const MOST = 500

/** `string.format`, for one format. */
export function compileFormat(format: string): (values: readonly LuaValue[]) => string {
  let write = compiled.get(format)
  if (!write) {
    write = (values) => {
      let at = 0
      return format.replaceAll(
        SPEC,
        (whole, flags: string, width: string, precision: string | undefined, kind: string) =>
          whole === '%%' ? '%' : padded(formatted(values[at++], precision, kind), flags, Number(width || 0)),
      )
    }
    if (compiled.size >= MOST) compiled.clear()
    compiled.set(format, write)
  }
  return write
}

function formatted(value: LuaValue, precision: string | undefined, kind: string): string {
  switch (kind) {
    case 's':
      return str(typeof value === 'boolean' || value === undefined ? String(value ?? 'nil') : value).slice(
        0,
        precision === undefined ? undefined : Number(precision),
      )
    case 'd':
    case 'i':
    case 'u':
      return Math.trunc(num(value)).toFixed(0)
    case 'f':
      return fixed(num(value), precision === undefined ? 6 : Number(precision))
    case 'g': {
      if (precision !== '17' && precision !== undefined && precision !== '14')
        throw new LuaError(`%.${precision}g is not modelled`)
      const number = num(value)
      return precision === '17' && !Number.isInteger(number)
        ? String(Number(number.toPrecision(17)))
        : numberText(number)
    }
    case 'x':
      return Math.trunc(num(value)).toString(16)
    case 'c':
      return String.fromCodePoint(num(value))
    case 'q':
      return `"${str(value).replaceAll(/["\\\n]/g, String.raw`\$&`)}"`
    default:
      throw new LuaError(`invalid option '%${kind}' to 'format'`)
  }
}

/** JavaScript rounds halves up, and writes large numbers otherwise; C takes what is exact, and halves to the even. */
function fixed(value: number, digits: number): string {
  if (!Number.isFinite(value)) return numberText(value)
  if (Math.abs(value) >= 1e21) return BigInt(value).toString()
  if (digits === 0) {
    const floor = Math.floor(value)
    const isHalf = value - floor === 0.5
    const whole = isHalf ? floor + (Math.abs(floor % 2) === 1 ? 1 : 0) : Math.round(value)
    return whole === 0 && (value < 0 || Object.is(value, -0)) ? '-0' : whole.toFixed(0)
  }
  return value.toFixed(digits)
}

function padded(text: string, flags: string, width: number): string {
  if (text.length >= width) return text
  if (flags.includes('-')) return text.padEnd(width)
  if (!flags.includes('0')) return text.padStart(width)
  const sign = text.startsWith('-') ? '-' : ''
  return sign + text.slice(sign.length).padStart(width - sign.length, '0')
}
