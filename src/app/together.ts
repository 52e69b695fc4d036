import type { Posting, PublishTogether } from '../broker/broker.ts'
import { unroutable } from '../broker/publish-errors.ts'
import type { PublishWithOthers } from './posting.ts'

/**
 * Has several sendings publish in one step: `send` is called for each, and when the last has something to publish, or is
 * over, what they have is published. Where one fails before that nothing is.
 */
export async function sendTogether<T>(
  all: readonly T[],
  publish: PublishTogether,
  send: (one: T, withOthers: PublishWithOthers) => Promise<void>,
): Promise<void> {
  const postings: Posting[] = []
  const failures: unknown[] = []
  let left = all.length
  let commit = (_published: Promise<readonly Posting[]>): void => {}
  const published = new Promise<readonly Posting[]>((resolve) => (commit = resolve))
  // Each hears of it for itself.
  published.catch(() => {})
  const ready = (): void => {
    if (--left === 0) commit(failures.length > 0 ? Promise.reject(failures[0] as Error) : publish(postings))
  }
  const one = async (what: T): Promise<void> => {
    let isReady = false
    try {
      await send(what, async (message, to) => {
        const posting = { message, to }
        postings.push(posting)
        isReady = true
        ready()
        if ((await published).includes(posting)) throw unroutable(to)
      })
    } catch (error) {
      if (!isReady) failures.push(error)
      throw error
    } finally {
      if (!isReady) ready()
    }
  }
  await Promise.all(all.map(one))
}
