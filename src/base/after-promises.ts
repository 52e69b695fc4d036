/**
 * Makes what has `fn` called once after the promises of this turn, however often it is called before that: what all of them
 * ask for goes together.
 */
export function afterPromises(fn: () => void): () => void {
  let isScheduled = false
  const run = (): void => {
    isScheduled = false
    fn()
  }
  return () => {
    if (isScheduled) return
    isScheduled = true
    process.nextTick(run)
  }
}
