import { createInterface, type Interface } from 'node:readline'
import { VERBS } from '../supervisor/ctl-verbs.ts'
import type { CtlSession } from '../supervisor/ctl-session.ts'
import { RpcClient } from '../supervisor/rpc-client.ts'

export interface ConsoleOptions {
  readonly url: string
  readonly username: string | null
  readonly password: string | null
  readonly prompt: string
  readonly isInteractive: boolean
}

/** A session at this terminal. */
export class ConsoleSession implements CtlSession {
  client: RpcClient
  exitCode = 0
  readonly isInteractive: boolean
  readonly #options: ConsoleOptions
  #lines: Interface | undefined
  #typed: AsyncIterator<string> | undefined
  #waiting: Promise<string | undefined> | undefined

  constructor(options: ConsoleOptions) {
    this.#options = options
    this.isInteractive = options.isInteractive
    this.client = new RpcClient(options)
  }

  say(line: string): void {
    process.stdout.write(`${line}\n`)
  }

  write(bytes: Buffer): void {
    process.stdout.write(bytes)
  }

  async ask(question: string): Promise<string> {
    process.stdout.write(question)
    return (await this.#next()) ?? ''
  }

  open(url: string): void {
    this.client = new RpcClient({ ...this.#options, url })
  }

  interruption(): AbortSignal {
    const interrupted = new AbortController()
    const end = (): void => {
      process.removeListener('SIGINT', end)
      this.#lines?.removeListener('SIGINT', end)
      interrupted.abort()
    }
    process.on('SIGINT', end)
    // A terminal in raw mode tells the prompt alone.
    this.#lines?.on('SIGINT', end)
    return interrupted.signal
  }

  async *typed(signal: AbortSignal): AsyncGenerator<string> {
    const aborted = new Promise<undefined>((resolve) => signal.addEventListener('abort', () => resolve(undefined)))
    for (;;) {
      const line = signal.aborted ? undefined : await Promise.race([this.#next(), aborted])
      if (line === undefined) return
      yield line
    }
  }

  /** Takes lines until `quit` or the end of input. */
  async converse(take: (words: readonly string[]) => Promise<void>): Promise<void> {
    await take(['status'])
    for (;;) {
      process.stdout.write(`${this.#options.prompt}> `)
      const line = await this.#next()
      if (line === undefined) break
      const words = line.split(/\s+/).filter((word) => word !== '')
      if (words[0] === 'quit' || words[0] === 'exit') return this.#close()
      await take(words)
    }
    this.say('')
    this.#close()
  }

  #next(): Promise<string | undefined> {
    if (!this.#lines) {
      const { stdin: input, stdout } = process
      const output = input.isTTY ? stdout : undefined
      this.#lines = createInterface({ input, ...(output ? { output } : {}), completer: complete })
      this.#typed = this.#lines[Symbol.asyncIterator]()
    }
    // Whoever has stopped waiting for a line leaves it to the next.
    this.#waiting ??= (this.#typed as AsyncIterator<string>).next().then(({ done, value }) => {
      this.#waiting = undefined
      return done ? undefined : value
    })
    return this.#waiting
  }

  #close(): void {
    this.#lines?.close()
  }
}

function complete(line: string): [string[], string] {
  const names = [...Object.keys(VERBS), 'quit'].filter((name) => name.startsWith(line))
  return [names.map((name) => `${name} `), line]
}
