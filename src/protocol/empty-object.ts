/** A plain object with nothing in it, as the keyword arguments of most calls are. Throws what a proxy of the user's throws. */
export function isEmptyObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return false
  for (const _ in value) return false
  return !('toJSON' in value)
}
