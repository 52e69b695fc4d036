/** Who waits for a signal. */
const waiting = new WeakMap<AbortSignal, Set<{ readonly fn: () => void }>>()

/**
 * Calls `fn` when the signal aborts, unless the returned function was called before; of a signal that has aborted already
 * nothing comes. All who wait for one signal share one listener of it: Node looks through all listeners for each that
 * comes or goes, and with one for each of some ten thousand waits the event loop would stand for seconds.
 */
export function onAbort(signal: AbortSignal, fn: () => void): () => void {
  const all = waiting.get(signal) ?? listen(signal)
  const entry = { fn }
  all.add(entry)
  return () => {
    // Not kept for nothing: Node holds on to a combined signal that has a listener.
    if (all.delete(entry) && all.size === 0) forget(signal)
  }
}

function listen(signal: AbortSignal): Set<{ readonly fn: () => void }> {
  const all = new Set<{ readonly fn: () => void }>()
  waiting.set(signal, all)
  signal.addEventListener('abort', aborted, { once: true })
  return all
}

function forget(signal: AbortSignal): void {
  waiting.delete(signal)
  signal.removeEventListener('abort', aborted)
}

function aborted(this: AbortSignal): void {
  const all = waiting.get(this)
  waiting.delete(this)
  if (all) for (const { fn } of all) fn()
}
