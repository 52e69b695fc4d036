/**
 * A pattern of names as Python's `fnmatch` reads it, as the source of a regular expression, without the `^` at its
 * beginning: `*` is any text, `?` one letter, `[abc]`, `[a-c]` and `[!abc]` one of these or another.
 */
export function globSource(glob: string): string {
  let source = ''
  for (let at = 0; at < glob.length; at++) {
    const letter = glob.charAt(at)
    if (letter === '*') source += '.*'
    else if (letter === '?') source += '.'
    else if (letter === '[') {
      const end = endOfSet(glob, at + 1)
      source += end < 0 ? String.raw`\[` : setSource(glob.slice(at + 1, end))
      if (end >= 0) at = end
    } else source += letter.replace(/[\\^$+.()|{}\]/]/, '\\$&')
  }
  return `${source}$`
}

/** Where the `]` of a set is: not at its very beginning, where it is one of its letters; -1: there is none. */
function endOfSet(glob: string, start: number): number {
  const first = glob.charAt(start) === '!' ? start + 1 : start
  return glob.indexOf(']', first + 1)
}

function setSource(set: string): string {
  const isNot = set.startsWith('!')
  const letters = Array.from(isNot ? set.slice(1) : set)
  // Ranges that go backwards are empty, as Python has them since 3.9; to JavaScript they are an error.
  const parts: string[] = []
  for (let i = 0; i < letters.length; i++) {
    const from = letters[i] as string
    const to = letters[i + 2]
    if (letters[i + 1] === '-' && to !== undefined) {
      if (from <= to) parts.push(`${escaped(from)}-${escaped(to)}`)
      i += 2
    } else parts.push(escaped(from))
  }
  if (parts.length === 0) return isNot ? '.' : '(?!)'
  return `[${isNot ? '^' : ''}${parts.join('')}]`
}

function escaped(letter: string): string {
  return letter.replace(/[\\\]^[-]/, '\\$&')
}
