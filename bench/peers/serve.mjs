// How the processes that bench/systems/queue-user.ts starts are told what to do: one thing at a time over IPC, answered
// with the milliseconds that it took, or with why it failed.

/**
 * @typedef {object} QueueUser
 * @property {(count: number, window: number) => Promise<unknown>} send so many tasks, so many of them on their way at a time
 * @property {(count: number, how: string) => Promise<number>} drain runs what is there; ms from the first task until the
 *   last is settled. Fails unless exactly so many were there.
 * @property {() => Promise<number>} purge drops what waits, and tells how many they were
 */

/** @param {QueueUser} user */
export function serve(user) {
  /** @param {{ send?: number, window?: number, drain?: number, how?: string }} message */
  const did = async ({ send, window = 1, drain, how = '' }) => {
    if (drain !== undefined) return { ms: await user.drain(drain, how) }
    if (send === undefined) return { purged: await user.purge() }
    const from = performance.now()
    await user.send(send, window)
    return { ms: performance.now() - from }
  }
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
  await Promise.all(Array.from({ length: window }, lane))
}

/** @param {string} what @param {number} found @param {number} wanted */
export function mustBe(what, found, wanted) {
  if (found !== wanted) throw new Error(`${what}: ${found} where there should be ${wanted}`)
}
