import { isIP } from 'node:net'

/** Always answered: a browser that is led here under one of these names runs on this machine. */
const LOCAL = ['localhost', '127.0.0.1', '[::1]']

/** Different headers remembered; attackers who send a new one each time must not grow the memory. */
const REMEMBERED = 256

/**
 * Makes the check of the `Host` header. Without it any web page could reach a server on this machine through a name of
 * its own that points to 127.0.0.1 (DNS rebinding).
 *
 * `allowed`: see `allowedHosts` of gateway and dashboard. `host` is the address that is listened on.
 */
export function hostCheck(allowed: readonly string[], host: string): (header: string | undefined) => boolean {
  const names = new Set([...LOCAL, isIP(host) === 6 ? `[${host}]` : host, ...allowed].map((name) => name.toLowerCase()))
  if (names.has('*')) return () => true
  const below = [...names].filter((name) => name.startsWith('*.')).map((name) => name.slice(1))
  const known = new Map<string, boolean>()

  const decide = (header: string): boolean => {
    const match = /^((?:[a-z0-9_-]+\.)*[a-z0-9_-]+\.?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/.exec(header)
    if (!match) return false
    // A trailing dot names the same host.
    const name = (match[1] as string).replace(/\.$/, '')
    return names.has(name) || names.has(header) || below.some((end) => name.endsWith(end) && name.length > end.length)
  }

  return (header) => {
    if (header === undefined) return false
    const seen = known.get(header)
    if (seen !== undefined) return seen
    const answer = decide(header.toLowerCase())
    if (known.size >= REMEMBERED) known.clear()
    known.set(header, answer)
    return answer
  }
}
