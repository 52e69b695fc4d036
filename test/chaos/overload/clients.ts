import { type Clock, sleep } from '../../../src/base/clock.ts'

/** What a client was answered. */
export interface Answered {
  readonly status: number
  readonly retryAfterS: number | undefined
}

/** How clients overload a gateway. */
export interface OverloadOptions {
  readonly clock: Clock
  readonly random: () => number
  /** Sends the request of a client; rejects, or resolves late, when he has hung up. */
  readonly ask: (client: number, signal: AbortSignal) => Promise<Answered>
  /** New clients a second, and for how long. */
  readonly perSecond: number
  readonly seconds: number
  /** How long a client waits before he hangs up. */
  readonly patienceMs: number
  /** Clients of these first seconds are not judged: nothing is known yet of runs and queue. */
  readonly warmupS: number
}

/** What came of it. */
export interface Overload {
  readonly clients: number
  /** Answered in time, at the first try or the second. */
  readonly answered: number
  /** Of them, while new clients came, a second, after the warm-up. */
  readonly answeredPerSecond: number
  readonly hungUp: number
  /** Refused with a time to come again, after the warm-up; and of these, answered at the second try. */
  readonly refused: number
  readonly answeredAtSecondTry: number
  /** Latest time that anybody was told, in seconds. */
  readonly longestRetryAfterS: number
}

/** Lets clients come, each of whom obeys `Retry-After` once, until all have had their answers or have gone. */
export async function overload(options: OverloadOptions): Promise<Overload> {
  const { clock, random, ask, perSecond, seconds, patienceMs, warmupS } = options
  const startMs = clock.monotonic()
  const sum = { clients: 0, answered: 0, hungUp: 0, refused: 0, answeredAtSecondTry: 0, longestRetryAfterS: 0 }
  let inWindow = 0
  const goneS = (): number => (clock.monotonic() - startMs) / 1000

  const tryOnce = async (client: number): Promise<Answered | undefined> => {
    const hangUp = new AbortController()
    const timer = clock.after(patienceMs, () => hangUp.abort())
    try {
      const answered = await ask(client, hangUp.signal)
      return hangUp.signal.aborted ? undefined : answered
    } catch {
      return undefined
    } finally {
      timer.cancel()
    }
  }
  const succeeded = (): void => {
    sum.answered++
    if (goneS() >= warmupS && goneS() < seconds) inWindow++
  }
  const client = async (number: number): Promise<void> => {
    const isJudged = goneS() >= warmupS
    const first = await tryOnce(number)
    if (first?.status === 200) return succeeded()
    if (first?.retryAfterS === undefined) return void sum.hungUp++
    if (isJudged) sum.refused++
    sum.longestRetryAfterS = Math.max(sum.longestRetryAfterS, first.retryAfterS)
    await sleep(clock, first.retryAfterS * 1000)
    const second = await tryOnce(number)
    if (second?.status !== 200) return void sum.hungUp++
    if (isJudged) sum.answeredAtSecondTry++
    succeeded()
  }

  const all: Promise<void>[] = []
  // By the clock: a machine that is late sends what is due at once, and not less.
  for (let dueMs = startMs; dueMs < startMs + seconds * 1000;) {
    all.push(client(sum.clients++))
    dueMs += (-Math.log(1 - random()) / perSecond) * 1000
    if (dueMs > clock.monotonic()) await sleep(clock, dueMs - clock.monotonic())
  }
  await Promise.all(all)
  return { ...sum, answeredPerSecond: inWindow / (seconds - warmupS) }
}
