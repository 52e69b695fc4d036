import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { Mailbox } from '../fleet/mailbox.ts'
import type { Panel } from './commands/panel.ts'
import { perform } from './commands/table.ts'
import { mingle } from './mingle.ts'

/** The remote control of a worker: its mailbox, and what it asks others at its start. */
export class Remote {
  readonly #panel: Panel
  #mailbox: Mailbox | undefined

  constructor(panel: Panel) {
    this.#panel = panel
  }

  /** Resolves when it can be asked, and has asked others. A worker that cannot be steered still works: never rejects. */
  async start(): Promise<void> {
    const { app, options } = this.#panel
    const { hostname } = options
    try {
      const { broker } = await app.client()
      const { lamport, pidbox } = app
      const answer = (request: { method: string; arguments: Readonly<Record<string, unknown>> }): unknown =>
        perform(this.#panel, request.method, request.arguments)
      const mailbox = new Mailbox({ broker, hostname, lamport, pidbox, answer })
      await mailbox.start()
      this.#mailbox = mailbox
      // In the memory of one process there is nobody who was there before.
      if (options.mingle && broker.kind !== 'memory') await mingle(this.#panel)
    } catch (error) {
      log('warn', 'worker', 'worker cannot be steered from afar', { hostname, problem: messageOf(error) })
    }
  }

  /** Answers no more. Never rejects. */
  async stop(): Promise<void> {
    await this.#mailbox?.stop()
    this.#mailbox = undefined
  }
}
