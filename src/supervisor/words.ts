/**
 * Splits a command as a POSIX shell splits words, without running one: quotes, and `\` before a character. Throws an
 * Error that says what is wrong.
 */
export function splitWords(text: string): string[] {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  for (let i = 0; i < text.length; i++) {
    const char = text[i] as string
    if (quote !== '') {
      if (char === quote) quote = ''
      else if (char === '\\' && quote === '"' && (text[i + 1] === '"' || text[i + 1] === '\\'))
        word += text[++i] as string
      else word += char
    } else if (char === '"' || char === "'") {
      quote = char
      word ??= ''
    } else if (char === '\\') {
      if (i + 1 === text.length) throw new Error('ends with a lone \\')
      word = (word ?? '') + (text[++i] as string)
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? '') + char
  }
  if (quote !== '') throw new Error(`has no closing ${quote}`)
  if (word !== undefined) words.push(word)
  return words
}

/** What needs no quotes in `environment`. */
const PLAIN = /[\w/.+\-():]/

/** Reads `KEY=val,KEY2="a,b"`. Throws an Error that says what is wrong. */
export function readPairs(text: string): Record<string, string> {
  const tokens = tokensOf(text)
  const pairs: Record<string, string> = {}
  for (let i = 0; i < tokens.length; i += 4) {
    const [key, equals, value] = tokens.slice(i, i + 3)
    if (key === undefined || equals !== '=' || value === undefined) {
      throw new Error(`is no list of KEY="value",KEY2="value": it breaks off at '${tokens.slice(i, i + 3).join('')}'`)
    }
    pairs[key] = value.replace(/^['"]+|['"]+$/g, '')
  }
  return pairs
}

function tokensOf(text: string): string[] {
  const tokens: string[] = []
  let token = ''
  const end = (): void => {
    if (token !== '') tokens.push(token)
    token = ''
  }
  for (let i = 0; i < text.length; i++) {
    const char = text[i] as string
    if (/\s/.test(char)) end()
    else if (PLAIN.test(char) || (token !== '' && (char === '"' || char === "'"))) token += char
    else if (char === '"' || char === "'") {
      const close = text.indexOf(char, i + 1)
      if (close < 0) throw new Error(`has no closing ${char}`)
      tokens.push(text.slice(i, close + 1))
      i = close
    } else if (char === '#') {
      end()
      i = text.indexOf('\n', i)
      if (i < 0) break
    } else {
      end()
      tokens.push(char)
    }
  }
  end()
  return tokens
}
