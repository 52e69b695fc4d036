// The words of the filter, as far as pages write them; what they mean only the server knows.

/** A word that means exactly this value: in quotes, without which a part of it would do. States have no parts. */
function wordFor(key: string, value: string): string {
  const isPlain = key === 'state' || key === 'newer' || key === 'older'
  return `${key}:${isPlain ? value : `"${value.replaceAll(/["\\]/g, '\\$&')}"`}`
}

/** A link to the tasks that match: `filterLink({ state: 'FAILURE', name: 'mail.send' })`. */
export function filterLink(wanted: Readonly<Record<string, string>>): string {
  const q = Object.entries(wanted)
    .map(([key, value]) => wordFor(key, value))
    .join(' ')
  return `/tasks?q=${encodeURIComponent(q)}`
}

/** The words of a filter, quotes kept. */
export function wordsOf(q: string): string[] {
  return q.match(/(?:"(?:\\.|[^"\\])*"?|[^\s"])+/g) ?? []
}

/** Whether a filter has this word. */
export function hasWord(q: string, key: string, value: string): boolean {
  return wordsOf(q).includes(wordFor(key, value))
}

/** Which words stand in no parentheses, and whether one of those is an OR. */
function shapeOf(words: readonly string[]): { readonly isOuter: readonly boolean[]; readonly hasOr: boolean } {
  let depth = 0
  const isOuter = words.map((word) => {
    const before = depth
    if (!word.startsWith('"')) {
      const bare = word.replaceAll(/"(?:\\.|[^"\\])*"?/g, '')
      depth += bare.split('(').length - bare.split(')').length
    }
    return before === 0 && depth === 0
  })
  return { isOuter, hasOr: words.some((word, at) => isOuter[at] && word === 'OR') }
}

/** The words as one term: `a OR b` and a further word would ask for `a`, or for `b` and that word. */
function asOne(words: readonly string[]): string[] {
  return shapeOf(words).hasOr ? [`(${words.join(' ')})`] : [...words]
}

/** Without those that may go: what OR, AND or NOT needs stays. */
function without(words: readonly string[], mayGo: (word: string) => boolean): string[] {
  const { isOuter, hasOr } = shapeOf(words)
  if (hasOr) return [...words]
  return words.filter((word, at) => {
    const isNeeded = /^(AND|NOT)$/.test(words[at - 1] ?? '') || words[at + 1] === 'AND'
    return !isOuter[at] || isNeeded || !mayGo(word)
  })
}

/** The filter with that word put in, in the place of others of the same key, or taken out where it is there. */
export function toggleWord(q: string, key: string, value: string): string {
  const word = wordFor(key, value)
  const words = wordsOf(q)
  const rest = without(words, (one) => one.startsWith(`${key}:`))
  const isThere = words.length > without(words, (one) => one === word).length
  return (isThere ? rest : [...asOne(rest), word]).join(' ')
}

/** The filter narrowed to a stretch of time: ages, since that is what it knows. */
export function narrowed(q: string, fromMs: number, toMs: number, nowMs: number): string {
  const words = without(wordsOf(q), (word) => /^(newer|older):/.test(word))
  const seconds = (ms: number): string => `${Math.max(0, Math.round((nowMs - ms) / 1_000))}s`
  const older = nowMs - toMs > 1_000 ? [`older:${seconds(toMs)}`] : []
  return [...asOne(words), `newer:${seconds(fromMs)}`, ...older].join(' ')
}
