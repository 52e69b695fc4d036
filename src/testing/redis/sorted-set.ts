export interface Member {
  readonly name: string
  readonly score: number
}

/** Members by score, and by their bytes where scores are equal. */
export class SortedSet {
  readonly #scores = new Map<string, number>()
  readonly #order: Member[] = []

  get size(): number {
    return this.#order.length
  }

  /** All in order. */
  get members(): readonly Member[] {
    return this.#order
  }

  score(name: string): number | undefined {
    return this.#scores.get(name)
  }

  set(name: string, score: number): void {
    this.delete(name)
    this.#scores.set(name, score)
    this.#order.splice(this.#rankFrom({ name, score }), 0, { name, score })
  }

  delete(name: string): boolean {
    const score = this.#scores.get(name)
    if (score === undefined) return false
    this.#scores.delete(name)
    this.#order.splice(this.#rankFrom({ name, score }), 1)
    return true
  }

  /** How many are before it; undefined where it is none. */
  rank(name: string): number | undefined {
    const score = this.#scores.get(name)
    return score === undefined ? undefined : this.#rankFrom({ name, score })
  }

  #rankFrom(member: Member): number {
    let [low, high] = [0, this.#order.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (isBefore(this.#order[middle] as Member, member)) low = middle + 1
      else high = middle
    }
    return low
  }
}

function isBefore(one: Member, other: Member): boolean {
  return one.score < other.score || (one.score === other.score && one.name < other.name)
}
