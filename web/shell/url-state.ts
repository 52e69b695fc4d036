// What a page shows is in its address: filters, ranges and selections are links that can be sent to others.
import { useLocation } from 'preact-iso'

/** Reads parameters of the address, and writes them; what is undefined or empty is taken out of it. */
export function useUrlState(): {
  readonly values: Readonly<Record<string, string | undefined>>
  set(changes: Readonly<Record<string, string | undefined>>, how?: { push?: boolean }): void
} {
  const { query, path, route } = useLocation()
  return {
    values: query,
    set(changes, { push = false } = {}) {
      // What is in the address now, not what was when this was drawn: two changes may come in one turn.
      const params = new URLSearchParams(location.search)
      for (const [name, value] of Object.entries(changes)) {
        if (value === undefined || value === '') params.delete(name)
        else params.set(name, value)
      }
      const text = params.toString()
      route(path + (text ? `?${text}` : ''), !push)
    },
  }
}

export const RANGES = ['15m', '1h', '6h', '24h'] as const
export type Range = (typeof RANGES)[number]

/** The time range that is chosen at the top, from the address. */
export function useRange(): Range {
  const { values } = useUrlState()
  return RANGES.find((range) => range === values['range']) ?? '1h'
}
