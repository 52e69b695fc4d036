import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { AsyncResult } from './async-result.ts'
import type { GetOptions } from './get-options.ts'

/** Told that a sending failed, and then, a turn later, that nobody had asked how it went. */
export type OnSendFailed = (what: 'failed' | 'unawaited') => void

/** What is waited for by `get`. */
export interface Gettable<Result> {
  get(options?: GetOptions): Promise<Result>
}

/**
 * A message on its way. Awaiting it gives the {@link AsyncResult} once the broker has the message, or throws why it has
 * not. A failure that nobody awaits is logged and counted; it never becomes an unhandled rejection.
 */
export class Sending<Result, Kind extends Gettable<Result> = AsyncResult<Result>> implements PromiseLike<Kind> {
  /** Id of the task; of a group, that of the group. */
  readonly id: string
  readonly #sent: Promise<Kind>
  #awaited = false

  constructor(task: string, id: string, sent: Promise<Kind>, clock: Clock, onFailed: OnSendFailed) {
    this.id = id
    this.#sent = sent
    sent.catch((error: unknown) => {
      onFailed('failed')
      // Whoever awaits it in the same turn as it fails still counts as having asked.
      clock.turn(() => {
        if (this.#awaited) return
        onFailed('unawaited')
        log('error', 'app', 'task could not be sent', { task, id, error: messageOf(error) })
      })
    })
  }

  then<Kept = Kind, Failed = never>(
    onSent?: ((result: Kind) => Kept | PromiseLike<Kept>) | null,
    onFailed?: ((error: any) => Failed | PromiseLike<Failed>) | null,
  ): Promise<Kept | Failed> {
    this.#awaited = true
    return this.#sent.then(onSent, onFailed)
  }

  catch<Failed>(onFailed: (error: any) => Failed | PromiseLike<Failed>): Promise<Kind | Failed> {
    return this.then(undefined, onFailed)
  }

  finally(onSettled: () => void): Promise<Kind> {
    this.#awaited = true
    return this.#sent.finally(onSettled)
  }

  /** The result, once it is there: `add.delay(2, 3).get()`. Throws as {@link AsyncResult.get} and as the sending does. */
  async get(options?: GetOptions): Promise<Result> {
    this.#awaited = true
    const result = await this.#sent
    return await result.get(options)
  }
}
