/** Texts are remembered by their place among the texts of a table, so many of them. */
const MOST_PLACES = 64

/** A longer text is decoded anew each time: it is rarely the same twice, and would be held for nothing. */
const MOST_BYTES = 64

/** After so many misses in a row a place is one that changes: what stands there is remembered only now and then. */
const PATIENCE = 8

/**
 * Texts recognized instead of decoded. In the messages of one task the same names follow each other, and half of the
 * values are the same; to compare bytes is cheaper than to make a string, and strings that are shared are held once.
 */
export class KnownTexts {
  readonly #texts: string[] = []
  readonly #misses = new Uint8Array(MOST_PLACES)
  #place = 0

  /** A table begins. */
  begin(): void {
    this.#place = 0
  }

  /** The text that stands there, if it is the one that stood in this place before. */
  recall(buffer: Uint8Array, at: number, length: number): string | undefined {
    const place = this.#place++
    const known = this.#texts[place]
    if (known === undefined || known.length !== length) return undefined
    for (let i = 0; i < length; i++) if (buffer[at + i] !== known.charCodeAt(i)) return undefined
    this.#misses[place] = 0
    return known
  }

  /** Remembers what {@link recall} did not know. Only ASCII: its characters are its bytes. */
  learn(text: string, length: number): void {
    const place = this.#place - 1
    if (length > MOST_BYTES || text.length !== length || place >= MOST_PLACES) return
    const misses = (this.#misses[place] as number) + 1
    this.#misses[place] = misses
    if (misses <= PATIENCE || misses % 64 === 0) this.#texts[place] = text
  }
}
