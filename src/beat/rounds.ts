import type { App } from '../app/app.ts'
import { backoffMs } from '../base/backoff.ts'
import type { Clock, Timer } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { formatIso } from '../protocol/iso-time.ts'
import type { ResultTree } from '../protocol/result-tree.ts'
import type { DueEntry } from '../store/store.ts'
import type { Ledger, LedgerEntry } from './ledger.ts'
import { type Action, nextAction } from './next-action.ts'
import { isRunning } from './running.ts'
import { sendRun } from './send-run.ts'
import { failed, isDecided, resynced, sent, skipped, waiting } from './transitions.ts'

/** What rounds are made with. */
export interface RoundsOptions {
  readonly app: App
  readonly ledger: Ledger
  readonly clock: Clock
  /** Longest time between two looks at the whole ledger. */
  readonly maxIntervalMs: number
  /** How long an entry is ours that we have taken. */
  readonly leaseMs: number
  /** Says once more what the code says, to a ledger that has nothing. */
  readonly retell: () => Promise<void>
}

type Sending = Extract<Action, { kind: 'send' }>

/** Entries that are dealt with at a time. */
const AT_ONCE = 50

/** Between two tries to send a tick, or to ask a store that does not answer. */
const PAUSE = { baseMs: 500, maxMs: 30_000 }

/** How often a tick that was sent is written down anew when others change the entry meanwhile. */
const TRIES = 10

/** Until somebody looks again at an entry that this beat cannot read: far less than what makes a tick a missed one. */
const UNREAD_MS = 5_000

/** Longer waits than this, for what was due before, come from a clock that was set back. */
const ODD_MS = 60_000

/** One life of a scheduler: takes entries of the ledger that are due, each under a lease, and does what is to be done. */
export class Rounds {
  readonly counts = { sent: 0, skipped: 0, failed: 0 }
  readonly #options: RoundsOptions
  readonly #inHand = new Set<Promise<void>>()
  #unwatch: (() => void) | undefined
  #timer: Timer | undefined
  #retry: Timer | undefined
  #taking: Promise<void> | undefined
  #isDue = false
  #troubles = 0
  #isEnded = false

  constructor(options: RoundsOptions) {
    this.#options = options
  }

  async begin(): Promise<void> {
    this.#unwatch = await this.#options.ledger.list.onDue(() => this.#wake())
    this.#look()
  }

  /** Ends what it has in hand, and takes no more. */
  async end(): Promise<void> {
    this.#isEnded = true
    this.#unwatch?.()
    this.#timer?.cancel()
    this.#retry?.cancel()
    await this.#taking
    await Promise.all(this.#inHand)
  }

  #wake(): void {
    this.#isDue = true
    if (this.#isEnded || this.#taking) return
    this.#taking = this.#take().finally(() => {
      this.#taking = undefined
      if (this.#isDue && this.#inHand.size < AT_ONCE && !this.#retry) this.#wake()
    })
  }

  async #take(): Promise<void> {
    const { ledger, clock, leaseMs } = this.#options
    try {
      while (this.#inHand.size < AT_ONCE && !this.#isEnded) {
        this.#isDue = false
        const untilMs = clock.monotonic() + leaseMs
        const limit = AT_ONCE - this.#inHand.size
        const [{ entries }, nowMs] = await Promise.all([ledger.list.take({ claimMs: leaseMs, limit }), ledger.now()])
        this.#troubles = 0
        if (entries.length === 0) return
        this.#isDue = true
        for (const entry of entries) this.#handle(entry, nowMs, untilMs)
      }
    } catch (error) {
      this.#isDue = true
      const pauseMs = Math.max(100, backoffMs(this.#troubles++, PAUSE, clock.random()))
      log('warn', 'beat', 'the ledger does not answer', { ledger: ledger.name, error: messageOf(error), pauseMs })
      this.#retry = clock.after(pauseMs, () => {
        this.#retry = undefined
        this.#wake()
      })
    }
  }

  #handle(taken: DueEntry, nowMs: number, untilMs: number): void {
    // The store's time is rounded; what it gave was due.
    const atMs = taken.atMs - nowMs < 1_000 ? Math.max(taken.atMs, nowMs) : nowMs
    const handling = this.#decide(taken, atMs, untilMs).catch((error: unknown) => {
      // Its lease ends, and then it is due again.
      log('warn', 'beat', 'schedule could not be looked after', { entry: taken.id, error: messageOf(error) })
    })
    this.#inHand.add(handling)
    void handling.then(() => {
      this.#inHand.delete(handling)
      if (this.#isDue) this.#wake()
    })
  }

  async #decide(taken: DueEntry, nowMs: number, untilMs: number): Promise<void> {
    const { ledger, app, clock } = this.#options
    const entry = ledger.read(taken)
    // Left to who can read it.
    if (!entry) return void (await ledger.list.put(taken.id, { atMs: nowMs + UNREAD_MS, ifVersion: taken.version }))
    const { name, timetable } = entry
    let { state } = entry
    let runs: boolean | undefined
    for (;;) {
      const action = nextAction(state, timetable, { nowMs, isRunning: runs })
      if (action.kind === 'check') {
        const { backend } = await app.client()
        const forgottenMs = app.settings.resultExpiresMs
        runs = state.last !== null && (await isRunning(state.last, nowMs, { backend, forgottenMs }))
      } else if (action.kind === 'wait') {
        return void (await ledger.settle(entry, waiting(state, action), action.atMs))
      } else if (action.kind === 'skip') {
        const { count, reason, throughMs } = action
        log('warn', 'beat', 'ticks are left out', { entry: name, count, reason, last: formatIso(throughMs) })
        this.counts.skipped += count
        state = skipped(state, action)
      } else {
        // Whoever slept through the end of its lease sends nothing: somebody else has it.
        if (clock.monotonic() >= untilMs) return log('warn', 'beat', 'lease has ended: not sent', { entry: name })
        return this.#send({ ...entry, state }, action, nowMs)
      }
    }
  }

  async #send(entry: LedgerEntry, action: Sending, nowMs: number): Promise<void> {
    const { ledger, app, clock } = this.#options
    const { name, state, timetable } = entry
    const ids = ledger.idsOf(name, action.seed)
    const { expiresAtMs, tick, dropped } = action
    let result: ResultTree
    try {
      const isAwaited = timetable.policy.overlap !== 'allow'
      result = await sendRun(app, { task: state.definition.task, ids, expiresAtMs, isAwaited })
    } catch (error) {
      this.counts.failed++
      const pauseMs = Math.max(100, backoffMs(state.failures, PAUSE, clock.random()))
      log('error', 'beat', 'tick could not be sent', { entry: name, error: messageOf(error), pauseMs })
      return void (await ledger.settle(entry, failed(state), nowMs + pauseMs))
    }
    this.counts.sent++
    log('info', 'beat', 'tick sent', {
      entry: name,
      task: state.definition.task.task,
      id: result.id,
      ...(tick ? { due: formatIso(tick.dueMs), lateMs: Math.max(0, Math.round(nowMs - tick.atMs)) } : { asked: true }),
    })
    if (dropped > 0) log('warn', 'beat', 'ticks are left out', { entry: name, count: dropped, reason: 'missed' })
    await this.#record(entry, action, result, nowMs)
  }

  /** Whatever has become of the entry meanwhile: it is to be known that this was sent. */
  async #record(entry: LedgerEntry, action: Sending, result: ResultTree, nowMs: number): Promise<void> {
    const { ledger } = this.#options
    const { name } = entry
    let [state, version] = [entry.state, entry.version]
    for (let tries = 0; tries < TRIES; tries++) {
      if (await ledger.settle({ name, version }, sent(state, action, result, nowMs))) return
      const there = (await ledger.all()).find((one) => one.name === name)
      if (!there || isDecided(there.state, action)) return
      state = there.state
      version = there.version
    }
    log('warn', 'beat', 'tick could not be written down: it is sent again, under the same id', { entry: name })
  }

  /** Sees to what no timer of the store would: entries whose time is far away because the clock was set back. */
  #look(): void {
    const { clock, maxIntervalMs } = this.#options
    this.#timer = clock.after(maxIntervalMs, () => {
      const looking = this.#resync().catch((error: unknown) => {
        log('warn', 'beat', 'the ledger could not be read', { error: messageOf(error) })
      })
      this.#inHand.add(looking)
      void looking.then(() => {
        this.#inHand.delete(looking)
        if (!this.#isEnded) this.#look()
      })
    })
    // What was told of while nobody listened.
    this.#wake()
  }

  async #resync(): Promise<void> {
    const { ledger } = this.#options
    const entries = await ledger.all()
    // A store that was emptied, or came back without its data.
    if (entries.length === 0 && !this.#isEnded) await this.#options.retell()
    const nowMs = await ledger.now()
    for (const entry of entries) {
      const state = resynced(entry.state, entry.timetable, nowMs)
      if (state) {
        const aheadMs = entry.state.cursorMs - nowMs
        log('warn', 'beat', 'the clock was set back: ticks come anew', { entry: entry.name, aheadMs })
        await ledger.settle(entry, state)
      } else if (entry.atMs !== Infinity && entry.atMs > Math.max(nowMs + ODD_MS, ledger.lookOf(entry))) {
        await ledger.settle(entry, entry.state)
      }
    }
  }
}
