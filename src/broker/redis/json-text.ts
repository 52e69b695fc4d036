// Texts that others wrote are changed in place: to read and write them anew would change their numbers.

/** Where the value of a member begins and ends. */
interface Span {
  readonly start: number
  readonly end: number
}

/** The value of a member of the object that begins at `at`; undefined where there is none, or no object. */
export function memberOf(text: string, at: number, name: string): Span | undefined {
  if (text[at] !== '{') return undefined
  for (let next = skipSpace(text, at + 1); text[next] === '"';) {
    const colon = skipSpace(text, endOfValue(text, next))
    const start = skipSpace(text, colon + 1)
    const end = endOfValue(text, start)
    if (text.slice(next, skipBack(text, colon)) === JSON.stringify(name)) return { start, end }
    const comma = skipSpace(text, end)
    if (text[comma] !== ',') return undefined
    next = skipSpace(text, comma + 1)
  }
  return undefined
}

/** The text with one member of the object that begins at `at` set; unchanged when there is no object. */
export function withMember(text: string, at: number, name: string, value: string): string {
  if (text[at] !== '{') return text
  const there = memberOf(text, at, name)
  if (there) return text.slice(0, there.start) + value + text.slice(there.end)
  const isEmpty = text[skipSpace(text, at + 1)] === '}'
  const end = endOfValue(text, at) - 1
  return `${text.slice(0, end)}${isEmpty ? '' : ', '}${JSON.stringify(name)}: ${value}${text.slice(end)}`
}

/** The index after the value that begins at `at`. */
export function endOfValue(text: string, at: number): number {
  if (text[at] === '"') return endOfText(text, at)
  let depth = 0
  for (let next = at; next < text.length; next++) {
    const char = text[next] as string
    if (char === '"') next = endOfText(text, next) - 1
    else if (char === '{' || char === '[') depth++
    else if (char === '}' || char === ']') {
      // The end of what a bare word or number stands in.
      if (depth === 0) return next
      if (--depth === 0) return next + 1
    } else if (depth === 0 && (char === ',' || isSpace(char))) return next
  }
  return text.length
}

/** The index after the text that begins with the quote at `at`. */
function endOfText(text: string, at: number): number {
  for (let quote = text.indexOf('"', at + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let slash = quote - 1
    while (text[slash] === '\\') slash--
    if ((quote - slash) % 2 === 1) return quote + 1
  }
  return text.length
}

function skipSpace(text: string, at: number): number {
  let next = at
  while (isSpace(text[next])) next++
  return next
}

function skipBack(text: string, at: number): number {
  let end = at
  while (isSpace(text[end - 1])) end--
  return end
}

function isSpace(char: string | undefined): boolean {
  return char === ' ' || char === '\n' || char === '\r' || char === '\t'
}
