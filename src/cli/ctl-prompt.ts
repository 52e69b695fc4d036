import { createInterface, type Interface } from 'node:readline'

/** Lines typed at this terminal, one after the other. */
export class Prompt {
  readonly #verbs: readonly string[]
  #lines: Interface | undefined
  #typed: AsyncIterator<string> | undefined
  #waiting: Promise<string | undefined> | undefined

  /** @param verbs what the tabulator key completes */
  constructor(verbs: readonly string[]) {
    this.#verbs = verbs
  }

  /** The next line; undefined: the input has ended. */
  next(): Promise<string | undefined> {
    if (!this.#lines) {
      const { stdin: input, stdout } = process
      const output = input.isTTY ? stdout : undefined
      const completer = (line: string): [string[], string] => this.#complete(line)
      this.#lines = createInterface({ input, ...(output ? { output } : {}), completer })
      this.#typed = this.#lines[Symbol.asyncIterator]()
    }
    // Whoever has stopped waiting for a line leaves it to the next.
    this.#waiting ??= (this.#typed as AsyncIterator<string>).next().then(({ done, value }) => {
      this.#waiting = undefined
      return done ? undefined : value
    })
    return this.#waiting
  }

  /** Takes lines until `quit` or the end of input, word by word. */
  async converse(title: string, take: (words: readonly string[]) => Promise<void>): Promise<void> {
    for (;;) {
      process.stdout.write(`${title}> `)
      const line = await this.next()
      if (line === undefined) break
      const words = line.split(/\s+/).filter((word) => word !== '')
      if (words[0] === 'quit' || words[0] === 'exit') return this.#lines?.close()
      await take(words)
    }
    process.stdout.write('\n')
    this.#lines?.close()
  }

  /** A terminal in raw mode tells of Ctrl-C here alone; the returned function ends that. */
  onInterrupt(listener: () => void): () => void {
    const lines = this.#lines
    lines?.on('SIGINT', listener)
    return () => void lines?.removeListener('SIGINT', listener)
  }

  #complete(line: string): [string[], string] {
    return [this.#verbs.filter((name) => name.startsWith(line)).map((name) => `${name} `), line]
  }
}
