import type { Aim, Figure } from '../case.ts'

/** What became of an aim. */
export interface Judged {
  readonly reached: boolean
  /** How much of it: 1 and more where it is reached, else the part of the way. */
  readonly share: number
}

/** Holds a value against its aim. */
export function judged(value: number, aim: Aim): Judged {
  const shares = [
    ...(aim.atLeast === undefined ? [] : [value / aim.atLeast]),
    // Of what is to be small the share is that of the aim. What is nothing, or less, is as small as can be.
    ...(aim.atMost === undefined ? [] : [value > 0 ? aim.atMost / value : Infinity]),
  ]
  const share = Math.min(...shares)
  return { reached: share >= 1, share }
}

/** `'at least 0.9 x'`. */
export function aimText({ aim, unit }: Pick<Figure, 'aim' | 'unit'>): string {
  const parts = [
    aim?.atLeast !== undefined && `at least ${numberText(aim.atLeast)} ${unit}`,
    aim?.atMost !== undefined && `at most ${numberText(aim.atMost)} ${unit}`,
  ]
  return parts.filter(Boolean).join(', ').replaceAll(' x', '')
}

/** `'reached'`, or how far it is: `'94 %'`. */
export function reachedText({ value, aim }: Pick<Figure, 'aim' | 'value'>): string {
  if (!aim) return ''
  const { reached, share } = judged(value, aim)
  // 99.6 % is not 100 %.
  return reached ? 'reached' : `${Math.floor(share * 100 + 1e-9)} % of it`
}

/** Three digits where there are not more before the point. */
export function numberText(value: number): string {
  const size = Math.abs(value)
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 || size === 0 ? 2 : 3
  return value.toLocaleString('en-US', { maximumFractionDigits: digits })
}

/** With its unit; a ratio has none. */
export function valueText(value: number, unit: string): string {
  return unit === 'x' ? value.toFixed(2) : `${numberText(value)} ${unit}`
}

/** `'0.84 to 0.91'`, or nothing. */
export function spreadText({ spread, unit }: Pick<Figure, 'spread' | 'unit'>): string {
  return spread ? spread.map((end) => (unit === 'x' ? end.toFixed(2) : numberText(end))).join(' to ') : ''
}
