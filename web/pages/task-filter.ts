// The words of the filter, as far as pages write them; what they mean only the server knows.

/** A value as it stands in a filter: quoted where it would end early. */
export function quoted(value: string): string {
  return /^[^\s"()]+$/.test(value) ? value : `"${value.replaceAll(/["\\]/g, '\\$&')}"`
}

/** A link to the tasks that match: `filterLink({ state: 'FAILURE', name: 'mail.send' })`. */
export function filterLink(wanted: Readonly<Record<string, string>>): string {
  const q = Object.entries(wanted)
    .map(([key, value]) => `${key}:${quoted(value)}`)
    .join(' ')
  return `/tasks?q=${encodeURIComponent(q)}`
}

/** The words of a filter, quotes kept. */
export function wordsOf(q: string): string[] {
  return q.match(/(?:"(?:\\.|[^"\\])*"?|[^\s"])+/g) ?? []
}

/** Whether a filter has this word. */
export function hasWord(q: string, key: string, value: string): boolean {
  return wordsOf(q).includes(`${key}:${quoted(value)}`)
}

/** The filter with that word put in, in the place of others of the same key, or taken out where it is there. */
export function toggleWord(q: string, key: string, value: string): string {
  const word = `${key}:${quoted(value)}`
  const words = wordsOf(q)
  const rest = words.filter((one) => !one.startsWith(`${key}:`))
  return (words.includes(word) ? rest : [...rest, word]).join(' ')
}
