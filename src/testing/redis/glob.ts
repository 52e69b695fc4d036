/** A pattern of Redis (`*`, `?`, `[a-z]`, `\`) as a regular expression. */
export function patternOf(glob: string): RegExp {
  let source = ''
  for (let at = 0; at < glob.length; at++) {
    const char = glob[at] as string
    const end = char === '[' ? glob.indexOf(']', at + 1) : -1
    if (char === '*') source += '[^]*'
    else if (char === '?') source += '[^]'
    else if (char === '\\' && at + 1 < glob.length) source += escaped(glob[++at] as string)
    else if (end > at) {
      const set = glob.slice(at + 1, end).replaceAll(/[\\\]]/g, String.raw`\$&`)
      source += set.startsWith('^') ? `[^${set.slice(1)}]` : `[${set}]`
      at = end
    } else source += escaped(char)
  }
  return new RegExp(`^${source}$`)
}

function escaped(char: string): string {
  return char.replace(/[\\^$.*+?()[\]{}|/-]/, String.raw`\$&`)
}
