/** What a command answers: integer, bulk string (one character a byte), nothing, list, or status. Errors are thrown. */
export type Reply = number | string | null | Status | Reply[]

/** `+OK`. */
export class Status {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export const OK = new Status('OK')

/** `-ERR ...`: what a command throws. */
export class CommandError extends Error {}

export function wrongType(): CommandError {
  return new CommandError('WRONGTYPE Operation against a key holding the wrong kind of value')
}

export function syntaxError(): CommandError {
  return new CommandError('ERR syntax error')
}

/** @throws CommandError where it is no integer of 64 bits */
export function integer(text: string | undefined): number {
  if (text === undefined || !/^(?:0|-?[1-9]\d{0,18})$/.test(text)) {
    throw new CommandError('ERR value is not an integer or out of range')
  }
  return Number(text)
}

/** A score, of the forms that C reads. */
export function float(text: string | undefined, problem = 'ERR value is not a valid float'): number {
  const lower = (text ?? '').toLowerCase()
  if (/^[-+]?inf(?:inity)?$/.test(lower)) return lower.startsWith('-') ? -Infinity : Infinity
  if (!/^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/.test(lower)) throw new CommandError(problem)
  return Number(lower)
}

/** A score as the server writes it: whole numbers as such, others with 17 digits. */
export function scoreText(score: number): string {
  if (!Number.isFinite(score)) return score > 0 ? 'inf' : '-inf'
  if (Object.is(score, -0)) return '-0'
  if (Number.isInteger(score) && Math.abs(score) < 1e17) return String(score)
  const [digits = '', power] = score.toPrecision(17).split('e')
  const short = digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits
  if (power === undefined) return Math.abs(score) < 1e-4 ? exponential(score) : short
  return exponential(score)
}

function exponential(score: number): string {
  const [digits = '', power = ''] = score.toExponential(16).split('e')
  return `${digits.replace(/\.?0+$/, '')}e${power[0]}${power.slice(1).padStart(2, '0')}`
}
