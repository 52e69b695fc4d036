import type { Clock } from '../base/clock.ts'
import { LovageError } from '../base/errors.ts'
import type { Outcome } from '../protocol/outcome.ts'
import type { LogPage, Store } from '../store/store.ts'
import { partsOf, readEntry, StreamWords } from './stream-log.ts'

/** How a stream is read. */
export interface StreamReadOptions {
  /** Ends the reading, with its reason. The task goes on, but for one that is `abandonable` and has no other reader. */
  readonly signal?: AbortSignal
  /**
   * Called when the task was run again and has yielded something else: the parts from this number on are void, and come
   * anew. Default: the reading ends with `STREAM_RESTARTED`, if it has given out any of them.
   */
  readonly onRestart?: (from: number) => void
  /** Called when parts up to this number are not kept any more. Default: the reading ends with `STREAM_GAPPED`. */
  readonly onGap?: (through: number) => void
}

/** What a reading stands on. */
export interface ReadingGround {
  readonly id: string
  readonly clock: Clock
  readonly store: Store
  /** How the task ends; rejects when it is not to be waited for any more. */
  readonly outcome: () => Promise<Outcome>
}

/**
 * Gives the parts of a stream in order, none lost or repeated, at the pace of who takes them; the task is never further
 * ahead than its window. Returns how the task has ended.
 * @throws LovageError `STREAM_RESTARTED`, `STREAM_GAPPED`, and what `outcome` and the store throw
 */
export async function* readStream(
  { id, clock, store, outcome }: ReadingGround,
  { signal, onRestart, onGap }: StreamReadOptions,
): AsyncGenerator<unknown, Outcome, void> {
  signal?.throwIfAborted()
  const log = partsOf(store, id)
  const words = new StreamWords(store, id, clock)
  let handed: { page: LogPage; done: () => void } | undefined
  let wake = (): void => {}
  let ended: Outcome | undefined
  let failed: { readonly error: unknown } | undefined
  let unlisten = (): void => {}
  /** Position of the last entry, and number of the last part, that were given out. */
  let after = 0
  let count = 0

  const take = function* ({ entries, isGapped }: LogPage): Generator<unknown, void, void> {
    let mayBeGapped = isGapped
    for (const { position, value } of entries) {
      if (position <= after) continue
      after = position
      const entry = readEntry(value)
      if (entry?.kind === 'begin') words.window = entry.window
      else if (entry?.kind === 'restart' && entry.from <= count) {
        if (!onRestart) throw new LovageError('STREAM_RESTARTED', { id, from: entry.from })
        count = entry.from - 1
        words.read(count, 0)
        onRestart(entry.from)
      } else if (entry?.kind === 'parts') {
        if (mayBeGapped && entry.from > count + 1) {
          if (!onGap) throw new LovageError('STREAM_GAPPED', { id, through: entry.from - 1 })
          onGap(entry.from - 1)
          count = entry.from - 1
        }
        mayBeGapped = false
        const bytes = value.length / entry.parts.length
        for (const part of entry.parts) {
          yield part
          words.read(++count, bytes)
        }
      }
    }
  }

  try {
    await words.join()
    unlisten = await log.listen(
      (page) =>
        new Promise<void>((done) => {
          handed = { page, done }
          wake()
        }),
    )
    const over = (error: unknown): void => {
      failed ??= { error }
      wake()
    }
    signal?.addEventListener('abort', () => over(signal.reason), { once: true })
    outcome().then((came) => {
      ended = came
      wake()
    }, over)
    for (;;) {
      if (failed) throw failed.error
      if (handed) {
        const { page, done } = handed
        handed = undefined
        yield* take(page)
        done()
      } else if (ended) {
        // All that the task has yielded stands in the log before its end is told.
        unlisten()
        for (let page = await log.read({ after }); page.entries.length > 0; page = await log.read({ after })) {
          yield* take(page)
        }
        return ended
      } else {
        await new Promise<void>((resolve) => (wake = resolve))
      }
    }
  } finally {
    unlisten()
    ;(handed as { done: () => void } | undefined)?.done()
    words.leave()
  }
}
