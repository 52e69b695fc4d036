import type { HeaderValue } from '../protocol/headers.ts'

/** Whether equality can be seen at a glance. A table, or a list of lists, may have changed inside. */
export function isComparableHeader(value: HeaderValue): boolean {
  if (typeof value !== 'object' || value === null) return true
  return Array.isArray(value) && value.length <= 4 && value.every((item) => typeof item !== 'object' || item === null)
}

/** Whether a value is the one that was remembered, member by member in a list. */
export function isSameHeader(known: HeaderValue | undefined, value: HeaderValue): boolean {
  if (known === value) return true
  if (!Array.isArray(known) || !Array.isArray(value) || known.length !== value.length) return false
  for (let i = 0; i < known.length; i++) if (known[i] !== value[i]) return false
  return true
}
