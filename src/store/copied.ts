/** The same, with bytes of its own: neither a view of somebody's buffer, nor to be changed by somebody else. */
export function copied<T>(from: T): T {
  if (typeof from !== 'object' || from === null) return from
  if (from instanceof Uint8Array) return new Uint8Array(from) as T
  if (Array.isArray(from)) return from.map(copied) as T
  return Object.fromEntries(Object.entries(from).map(([name, value]) => [name, copied(value)])) as T
}
