/** Longer ones are cut into several. */
const LONGEST_LINE = 64 * 1024

/** Lines of several programs, each with the name of who wrote it before it. */
export class OutputLines {
  readonly #write: (line: string) => void
  readonly #begun = new Map<string, string>()
  #width = 0

  constructor(write: (line: string) => void) {
    this.#write = write
  }

  take(name: string, bytes: Buffer): void {
    this.#width = Math.max(this.#width, name.length)
    const lines = `${this.#begun.get(name) ?? ''}${bytes.toString()}`.split('\n')
    let last = lines.pop() ?? ''
    if (last.length > LONGEST_LINE) {
      lines.push(last)
      last = ''
    }
    this.#begun.set(name, last)
    for (const line of lines) this.#write(`${name.padEnd(this.#width)} | ${line}\n`)
  }
}
