/** Timers are a millisecond wide, and as much late on a machine that has other work: that much is theirs. */
const TIMER_MS = 2

/**
 * Calls at a steady rate, whatever becomes of the calls before, and resolves to the milliseconds that each took. Those of
 * one millisecond are sent together. A call that is sent late, because this process was busy with others, is timed from
 * when it was due.
 */
export async function openLoop(call: () => Promise<unknown>, perSecond: number, seconds: number): Promise<number[]> {
  const total = Math.ceil(perSecond * seconds)
  const times: number[] = []
  const calls: Promise<void>[] = []
  const start = performance.now()
  for (let sent = 0; sent < total;) {
    await new Promise((resolve) => setTimeout(resolve, 1))
    const now = performance.now()
    const due = Math.min(total, Math.floor(((now - start) / 1_000) * perSecond))
    for (; sent < due; sent++) {
      const dueAt = start + (sent / perSecond) * 1_000
      const from = now - dueAt > TIMER_MS ? dueAt : now
      const called = call().then(() => void times.push(performance.now() - from))
      // One that fails is told of when all are sent.
      called.catch(() => {})
      calls.push(called)
    }
  }
  await Promise.all(calls)
  return times
}
