/** One part of a path between two slashes: fixed texts, undefined where anything may stand. */
type Segment = readonly (string | undefined)[]

interface Pattern {
  readonly segments: readonly Segment[]
  /** Ends in `*`: anything may follow. */
  readonly isOpen: boolean
  /** The last segment may be missing. */
  readonly isShorter: boolean
  readonly methods: readonly string[]
}

/** A route, as far as it matters which methods its path has. */
export interface MethodsOfPath {
  readonly methods: readonly string[]
  readonly path: string
}

/**
 * Tells the methods that are bound to a path: what a request with another one is told. The router keeps a tree a method and
 * cannot say. Only asked where it has found nothing; expressions on parameters are not looked at.
 */
export function pathMethods(routes: readonly MethodsOfPath[]): (path: string) => readonly string[] {
  const patterns = routes.map(patternOf)
  return (path) => {
    const given = path.split('/').map(decoded)
    return [...new Set(patterns.filter((pattern) => fits(pattern, given)).flatMap(({ methods }) => methods))]
  }
}

function patternOf({ path, methods }: MethodsOfPath): Pattern {
  const isOpen = path.endsWith('*')
  const isShorter = path.endsWith('?')
  const segments = path
    .slice(0, isOpen || isShorter ? -1 : undefined)
    .split('/')
    .map(segmentOf)
  return { segments, isOpen, isShorter, methods }
}

function segmentOf(text: string): Segment {
  const pieces: (string | undefined)[] = []
  // A name, with the expression that limits it; two colons are one that is meant.
  for (const [piece] of text.matchAll(/::|:[^:\-.(]+(?:\((?:[^()]|\([^()]*\))*\))?|[^:]+|:/g)) {
    const fixed = piece === '::' ? ':' : piece
    const last = pieces.at(-1)
    if (piece !== '::' && piece.startsWith(':') && piece.length > 1) pieces.push(undefined)
    else if (last === undefined) pieces.push(fixed)
    else pieces[pieces.length - 1] = last + fixed
  }
  return pieces
}

function fits({ segments, isOpen, isShorter }: Pattern, given: readonly string[]): boolean {
  if (isOpen ? given.length < segments.length : given.length !== segments.length) {
    const isMissing = isShorter && given.length === segments.length - 1
    return isMissing && segments.slice(0, -1).every((segment, at) => has(segment, given[at] as string, false))
  }
  return segments.every((segment, at) => has(segment, given[at] as string, isOpen && at === segments.length - 1))
}

/** One step a character, whatever is asked: texts are looked for in their order, each at the first place after the last. */
function has(segment: Segment, text: string, isOpen: boolean): boolean {
  if (segment.length <= 1 && segment[0] !== undefined) return isOpen ? text.startsWith(segment[0]) : text === segment[0]
  if (segment.length === 0) return isOpen || text === ''
  let from = 0
  for (const [at, piece] of segment.entries()) {
    if (piece === undefined) continue
    const found = at === 0 ? (text.startsWith(piece) ? 0 : -1) : text.indexOf(piece, from)
    if (found === -1) return false
    from = found + piece.length
  }
  const last = segment.at(-1)
  return isOpen || last === undefined || text.endsWith(last)
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
