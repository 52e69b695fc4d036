import { LovageError } from './errors.ts'

/** A length of time: milliseconds, or a text like `'250ms'`, `'10s'`, `'5m'`, `'2h'`, `'1d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/**
 * Milliseconds of a {@link Duration}.
 * @throws LovageError `DURATION_INVALID` for anything else, and for negative or endless lengths.
 */
export function milliseconds(value: Duration): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
  const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(value) : null
  const lengthMs = match ? Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS] : NaN
  if (Number.isFinite(lengthMs)) return lengthMs
  throw new LovageError('DURATION_INVALID', { value: typeof value === 'string' ? JSON.stringify(value) : value })
}
