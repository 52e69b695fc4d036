/** Seconds over which a rate is told. */
const SECONDS = 60

/** Names that are counted; beyond it the one that was counted least lately makes way. */
const MOST_KEYS = 10_000

interface Window {
  readonly counts: Uint32Array
  /** Newest second that was counted. */
  lastS: number
  sum: number
}

/** How often something happened in the last minute, by name. */
export class Rates {
  readonly #windows = new Map<string, Window>()

  count(key: string, nowMs: number): void {
    const nowS = Math.floor(nowMs / 1000)
    let window = this.#windows.get(key)
    if (!window) {
      window = { counts: new Uint32Array(SECONDS), lastS: nowS, sum: 0 }
      if (this.#windows.size >= MOST_KEYS) this.#forgetOne()
      this.#windows.set(key, window)
    }
    roll(window, nowS)
    const at = nowS % SECONDS
    window.counts[at] = (window.counts[at] as number) + 1
    window.sum++
  }

  /** Per second, over the last minute. */
  rate(key: string, nowMs: number): number {
    const window = this.#windows.get(key)
    if (!window) return 0
    roll(window, Math.floor(nowMs / 1000))
    return window.sum / SECONDS
  }

  /** Names of which something has happened in the last minute. */
  keys(nowMs: number): string[] {
    const nowS = Math.floor(nowMs / 1000)
    for (const [key, window] of this.#windows) {
      roll(window, nowS)
      if (window.sum === 0) this.#windows.delete(key)
    }
    return [...this.#windows.keys()]
  }

  #forgetOne(): void {
    let oldest: string | undefined
    let oldestS = Infinity
    for (const [key, { lastS }] of this.#windows) if (lastS < oldestS) [oldest, oldestS] = [key, lastS]
    if (oldest !== undefined) this.#windows.delete(oldest)
  }
}

function roll(window: Window, nowS: number): void {
  if (nowS <= window.lastS) return
  const steps = Math.min(SECONDS, nowS - window.lastS)
  for (let step = 1; step <= steps; step++) {
    const at = (window.lastS + step) % SECONDS
    window.sum -= window.counts[at] as number
    window.counts[at] = 0
  }
  window.lastS = nowS
}
