// Python's `random.seed(n)` and `random.randint`, so that a bench draws what dramatiq's draws: the Mersenne Twister.

const N = 624

/** @param {number} seed */
export function pythonRandom(seed) {
  const state = new Uint32Array(N)
  state[0] = 19650218
  const mixed = (/** @type {number} */ i) => {
    const before = /** @type {number} */ (state[i - 1])
    return before ^ (before >>> 30)
  }
  for (let i = 1; i < N; i++) state[i] = Math.imul(1812433253, mixed(i)) + i
  let i = 1
  const next = () => {
    if (++i < N) return
    state[0] = /** @type {number} */ (state[N - 1])
    i = 1
  }
  for (let k = N; k > 0; k--, next()) {
    state[i] = (/** @type {number} */ (state[i]) ^ Math.imul(mixed(i), 1664525)) + seed
  }
  for (let k = N - 1; k > 0; k--, next()) {
    state[i] = (/** @type {number} */ (state[i]) ^ Math.imul(mixed(i), 1566083941)) - i
  }
  state[0] = 0x80000000
  let at = N
  const word = () => {
    if (at >= N) {
      for (let k = 0; k < N; k++) {
        const y =
          (/** @type {number} */ (state[k]) & 0x80000000) | (/** @type {number} */ (state[(k + 1) % N]) & 0x7fffffff)
        state[k] = /** @type {number} */ (state[(k + 397) % N]) ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0)
      }
      at = 0
    }
    let y = /** @type {number} */ (state[at++])
    y ^= y >>> 11
    y ^= (y << 7) & 0x9d2c5680
    y ^= (y << 15) & 0xefc60000
    return (y ^ (y >>> 18)) >>> 0
  }
  return {
    /** @param {number} low @param {number} high both included */
    randint(low, high) {
      const width = high - low + 1
      const bits = 32 - Math.clz32(width)
      for (;;) {
        const drawn = word() >>> (32 - bits)
        if (drawn < width) return low + drawn
      }
    },
  }
}

/** How long the next task of dramatiq's latency bench sleeps, in seconds. */
export function dramatiqDurations(seed = 1337) {
  const { randint } = pythonRandom(seed)
  return () => {
    const drawn = randint(1, 100)
    return drawn === 1 ? 10 : drawn <= 30 ? 5 : drawn <= 50 ? 3 : 1
  }
}
