/** No name. */
export const NO_NAME = -1

/**
 * Texts that many have in common, each held once, under a small number. A number is given out again once nobody holds it,
 * so that there are never more than are in use.
 */
export class Names {
  readonly #numbers = new Map<string, number>()
  readonly #texts: (string | undefined)[] = []
  readonly #uses: number[] = []
  readonly #free: number[] = []

  /** Takes hold of a name. Each hold is let go with `release`. */
  hold(text: string): number {
    const known = this.#numbers.get(text)
    if (known !== undefined) {
      this.#uses[known] = (this.#uses[known] ?? 0) + 1
      return known
    }
    const number = this.#free.pop() ?? this.#texts.length
    this.#texts[number] = text
    this.#uses[number] = 1
    this.#numbers.set(text, number)
    return number
  }

  release(number: number): void {
    if (number === NO_NAME) return
    const left = (this.#uses[number] ?? 0) - 1
    this.#uses[number] = left
    if (left > 0) return
    this.#numbers.delete(this.#texts[number] as string)
    this.#texts[number] = undefined
    this.#free.push(number)
  }

  /** Undefined for {@link NO_NAME}. */
  text(number: number): string | undefined {
    return this.#texts[number]
  }

  /** {@link NO_NAME} where nobody holds it. */
  find(text: string): number {
    return this.#numbers.get(text) ?? NO_NAME
  }

  /** Numbers in use are below this. */
  get bound(): number {
    return this.#texts.length
  }

  /** How many hold it. */
  uses(number: number): number {
    return this.#uses[number] ?? 0
  }
}
