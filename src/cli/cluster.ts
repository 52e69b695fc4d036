import cluster, { type Worker } from 'node:cluster'
import { availableParallelism } from 'node:os'
import { InvalidArgumentError } from 'commander'
import { backoffMs, type Backoff } from '../base/backoff.ts'
import { systemClock, type Clock, type Timer } from '../base/clock.ts'
import { LovageError } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { Runnable } from './run-service.ts'

/** Between the end of a process and the start of the one in its place. */
const RESTARTS: Backoff = { baseMs: 500, maxMs: 30_000, jitter: false }

/** Who has run so long is well: the next end counts as the first. */
const WELL_MS = 30_000

/** Most processes: beyond this it is a slip of the finger. */
const MOST = 256

/** The number of `--cluster`: `max` is one for each processor. */
export function clusterSize(text: string): number {
  const count = text === 'max' ? availableParallelism() : /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (count >= 1 && count <= MOST) return count
  throw new InvalidArgumentError(`must be a whole number from 1 to ${MOST}, or max.`)
}

/** Whether this process is one of a cluster: started by the first, with its command line. */
export function isMember(): boolean {
  return cluster.isWorker
}

/** Tells the first that this one answers requests. */
export function tellReady(): void {
  process.send?.({ lovage: 'ready' })
}

/** One place of the cluster, and who is in it. */
interface Seat {
  readonly nth: number
  worker: Worker | undefined
  /** It answers, and heeds signals. */
  isReady: boolean
  startedMs: number
  /** Ends in a row that came early. */
  early: number
  restart: Timer | undefined
}

/**
 * So many processes with the command line of this one, on one port: Node hands connections to them in turn. A process that
 * ends is replaced, with a growing wait where it ends early; all write to the same log. This one answers nothing itself.
 */
export class Cluster implements Runnable {
  readonly #seats: readonly Seat[]
  readonly #clock: Clock
  #isStopping = false

  constructor(count: number, clock: Clock = systemClock) {
    this.#clock = clock
    this.#seats = Array.from({ length: count }, (_, index) => {
      return { nth: index + 1, worker: undefined, isReady: false, startedMs: 0, early: 0, restart: undefined }
    })
  }

  /** Resolves when each of them answers; rejects when one of them cannot begin. */
  async start(): Promise<void> {
    await Promise.all(
      this.#seats.map((seat) => {
        return new Promise<void>((resolve, reject) => {
          const worker = this.#fork(seat, resolve)
          worker.once('exit', (code, signal) => {
            // Who has answered once is replaced, also while others begin.
            if (seat.isReady || this.#isStopping) return this.#onExit(seat)(code, signal)
            const problem = `process ${seat.nth} ended with code ${code} before it listened`
            reject(new LovageError('LISTEN_FAILED', { host: 'this machine', port: 'of the gateway', problem }))
          })
        })
      }),
    ).catch(async (error: unknown) => {
      await this.stop()
      throw error
    })
  }

  announce(): void {
    log('info', 'gateway', 'cluster is up', { processes: this.#seats.length })
  }

  /** Passes the wish to stop on, and waits for all: each ends its requests first. */
  stop(): Promise<void> {
    return this.#end('SIGTERM')
  }

  async cold(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async reload(): Promise<void> {
    // It would end one that still begins, which reads what is new by itself.
    for (const { worker, isReady } of this.#seats) if (isReady) worker?.process.kill('SIGHUP')
  }

  #fork(seat: Seat, onReady: () => void): Worker {
    seat.startedMs = this.#clock.monotonic()
    seat.restart = undefined
    seat.isReady = false
    const worker = (seat.worker = cluster.fork())
    worker.on('message', (message: { lovage?: string }) => {
      if (message.lovage !== 'ready') return
      seat.isReady = true
      onReady()
    })
    return worker
  }

  #onExit(seat: Seat): (code: number | null, signal: string | null) => void {
    return (code, signal) => {
      seat.worker = undefined
      if (this.#isStopping) return
      seat.early = this.#clock.monotonic() - seat.startedMs < WELL_MS ? seat.early + 1 : 0
      const waitMs = backoffMs(Math.max(0, seat.early - 1), RESTARTS, 0)
      log('error', 'gateway', 'process of the cluster ended; another takes its place', {
        nth: seat.nth,
        code,
        signal,
        waitMs,
      })
      seat.restart = this.#clock.after(waitMs, () => {
        const worker = this.#fork(seat, () => log('info', 'gateway', 'process of the cluster is up', { nth: seat.nth }))
        worker.once('exit', this.#onExit(seat))
      })
    }
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    this.#isStopping = true
    const ends = this.#seats.map(async ({ worker, restart }) => {
      restart?.cancel()
      if (!worker || worker.isDead()) return
      const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
      worker.process.kill(signal)
      await ended
    })
    await Promise.all(ends)
  }
}
