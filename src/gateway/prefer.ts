/** How long a request waits for its result, and what then. */
export interface Patience {
  /** Longest wait, in milliseconds; 0 answers 202 as soon as the broker has the task. */
  readonly waitMs: number
  /** At the end of the wait: 202 and the place of the result (true), or 504. */
  readonly thenAccept: boolean
  /** What of the request's `Prefer` was followed, for `Preference-Applied`; undefined: nothing. */
  readonly applied: string | undefined
}

/** What is read of a route. */
export interface PreferRoute {
  readonly patience: Patience
  /** Whether clients may say how long they wait. */
  readonly prefer: boolean
  /** Longest wait of all, in milliseconds. */
  readonly timeoutMs: number
}

/** More of a header is not read. */
const LONGEST = 1024

/** Longest wait that is a number at all, in seconds. */
const MOST_SECONDS = 10 ** 9

/**
 * The patience of one request: that of its route, or what its `Prefer` header (RFC 7240) asks for within the route's
 * timeout. A preference that cannot be read, or that the route does not follow, is passed over, as the RFC has it.
 */
export function patienceOf({ patience, prefer, timeoutMs }: PreferRoute, header: string | undefined): Patience {
  if (header === undefined || !prefer) return patience
  const asked = readPrefer(header)
  const isAsync = asked.has('respond-async')
  const seconds = secondsOf(asked.get('wait'))
  if (seconds === undefined) return isAsync ? ACCEPT : patience
  const waitMs = Math.min(seconds * 1000, timeoutMs)
  const applied = `${isAsync ? 'respond-async, ' : ''}wait=${waitMs / 1000}`
  // A wait shorter than a second would be told as less than was asked for, in a form that the RFC does not have.
  return { waitMs, thenAccept: true, applied: waitMs % 1000 === 0 ? applied : isAsync ? 'respond-async' : undefined }
}

const ACCEPT: Patience = { waitMs: 0, thenAccept: true, applied: 'respond-async' }

/** Names in lower case to values; of a name that comes again the first counts. */
function readPrefer(header: string): Map<string, string> {
  const asked = new Map<string, string>()
  for (const [, name = '', quoted, bare = ''] of header.slice(0, LONGEST).matchAll(PREFERENCE)) {
    const key = name.toLowerCase()
    if (!asked.has(key)) asked.set(key, quoted ?? bare)
  }
  return asked
}

/** A preference: name, value in quotes or bare, and parameters, which none of ours has. */
const PREFERENCE =
  /(?:^|,)\s*([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?(?:\s*;(?:"(?:[^"\\]|\\.)*"|[^,"])*)?/g

function secondsOf(value: string | undefined): number | undefined {
  if (value === undefined || !/^\d+$/.test(value)) return undefined
  return Math.min(Number(value), MOST_SECONDS)
}
