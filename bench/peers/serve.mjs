// How the processes that bench/systems/queue-user.ts starts are told what to do: one thing at a time over IPC, answered
// with the milliseconds that it took, or with why it failed.

/**
 * What a user of a queue can do, each as far as its cases ask for it.
 * @typedef {object} QueueUser
 * @property {(count: number, window: number, how: string) => Promise<unknown>} [send] so many tasks, so many of them on
 *   their way at a time
 * @property {(count: number, how: string) => Promise<number>} [drain] runs what is there; ms from the first task until the
 *   last is settled. Fails unless exactly so many were there.
 * @property {() => Promise<unknown>} [call] one task, until its result is here. Fails where that is not the right one.
 * @property {() => Promise<number>} [purge] drops what waits, and tells how many they were
 */

/** @param {QueueUser} user */
export function serve(user) {
  /** @param {{ send?: number, window?: number, drain?: number, call?: number, how?: string }} message */
  const did = async ({ send, window = 1, drain, call, how = '' }) => {
    if (drain !== undefined) return { ms: await user.drain?.(drain, how) }
    if (send === undefined && call === undefined) return { purged: await user.purge?.() }
    const from = performance.now()
    if (send !== undefined) {
      await user.send?.(send, window, how)
      return { ms: performance.now() - from }
    }
    /** @type {number[]} */
    const times = []
    await inFlight(Number(call), window, async () => {
      const before = performance.now()
      await user.call?.()
      times.push(performance.now() - before)
    })
    return { ms: performance.now() - from, times }
  }
  answerAll(did)
}

/**
 * Answers each message with what came of it, or with why it failed, and ends with who asks.
 * @param {(message: object) => Promise<object>} did
 */
export function answerAll(did) {
  process.on('message', (/** @type {object} */ message) => {
    did(message).then(
      (answer) => process.send?.(answer),
      (error) => process.send?.({ failed: String(error) }),
    )
  })
  process.on('disconnect', () => process.exit(0))
  process.send?.('ready')
}

/** @param {number} count @param {number} window @param {() => Promise<unknown>} send */
export async function inFlight(count, window, send) {
  let left = count
  const lane = async () => {
    while (left-- > 0) await send()
  }
  await Promise.all(Array.from({ length: Math.min(window, count) }, lane))
}

/** @param {string} what @param {unknown} found @param {unknown} wanted */
export function mustBe(what, found, wanted) {
  if (found !== wanted) throw new Error(`${what}: ${found} where there should be ${wanted}`)
}
