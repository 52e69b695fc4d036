/** A table with more members is made member by member: copying has its price too. */
const MOST_MEMBERS = 64

/**
 * Makes objects out of names and values, where one after the other has the same names in the same order. Member by member
 * an object of two dozen becomes a dictionary, which is three times as large and is filled more slowly; a copy of one that
 * was written at once does not.
 */
export class KnownShape<Value> {
  #names: readonly string[] = []
  #blank: Readonly<Record<string, null>> | undefined

  make(names: readonly string[], values: readonly Value[]): Record<string, Value> {
    if (!this.#isKnown(names)) return this.#learn(names, values)
    // The first time that names come again: those that come once are not worth it.
    this.#blank ??= blankOf(names)
    const made: Record<string, unknown> = { ...this.#blank }
    for (let i = 0; i < names.length; i++) made[names[i] as string] = values[i]
    return made as Record<string, Value>
  }

  #isKnown(names: readonly string[]): boolean {
    const known = this.#names
    if (names.length === 0 || names.length !== known.length) return false
    for (let i = 0; i < names.length; i++) if (names[i] !== known[i]) return false
    return true
  }

  #learn(names: readonly string[], values: readonly Value[]): Record<string, Value> {
    const made: Record<string, Value> = {}
    let isPlain = names.length <= MOST_MEMBERS
    for (const [i, name] of names.entries()) {
      const value = values[i] as Value
      if (name !== '__proto__') made[name] = value
      else {
        // Assigned, it would become the prototype.
        Object.defineProperty(made, name, { value, enumerable: true, configurable: true, writable: true })
        isPlain = false
      }
    }
    this.#names = isPlain ? names : []
    this.#blank = undefined
    return made
  }
}

function blankOf(names: readonly string[]): Record<string, null> {
  return JSON.parse(JSON.stringify(Object.fromEntries(names.map((name) => [name, null])))) as Record<string, null>
}
