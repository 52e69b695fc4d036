import { VERBS } from '../supervisor/ctl-verbs.ts'
import type { CtlSession } from '../supervisor/ctl-session.ts'
import { RpcClient } from '../supervisor/rpc-client.ts'
import { Prompt } from './ctl-prompt.ts'

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
  readonly #prompt = new Prompt([...Object.keys(VERBS), 'quit'])

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
    return (await this.#prompt.next()) ?? ''
  }

  open(url: string): void {
    this.client = new RpcClient({ ...this.#options, url })
  }

  interruption(): AbortSignal {
    const interrupted = new AbortController()
    const end = (): void => {
      process.removeListener('SIGINT', end)
      release()
      interrupted.abort()
    }
    process.on('SIGINT', end)
    const release = this.#prompt.onInterrupt(end)
    return interrupted.signal
  }

  async *typed(signal: AbortSignal): AsyncGenerator<string> {
    const aborted = new Promise<undefined>((resolve) => signal.addEventListener('abort', () => resolve(undefined)))
    for (;;) {
      const line = signal.aborted ? undefined : await Promise.race([this.#prompt.next(), aborted])
      if (line === undefined) return
      yield line
    }
  }

  /** Takes lines until `quit` or the end of input. */
  async converse(take: (words: readonly string[]) => Promise<void>): Promise<void> {
    await take(['status'])
    await this.#prompt.converse(this.#options.prompt, take)
  }
}
