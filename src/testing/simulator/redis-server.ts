import type { Client } from '../redis/redis-model.ts'
import { RedisModel } from '../redis/redis-model.ts'
import { CommandError, type Reply } from '../redis/reply.ts'
import type { FaultKit } from './faults.ts'
import type { MessageWatch } from './ledger.ts'
import { RedisCounts } from './redis-counts.ts'
import type { Timeline } from './timeline.ts'

/** Longest time for which it answers nobody. */
const PAUSE_MS = 4_000

/** Longest time for which it is a copy of another, and takes no writes. */
const DEMOTED_MS = 6_000

/** A connection, as the server has it. */
export interface RedisPeer extends Client {
  readonly onDown: () => void
}

/** What a {@link RedisServer} stands on. */
export interface RedisServerOptions {
  readonly timeline: Timeline
  readonly kit: FaultKit
  readonly watch: MessageWatch
  readonly blame: (problem: string) => void
  readonly version: '7.0' | '7.2'
  /** It dies, and is started again later. */
  readonly onStruck: () => void
}

/**
 * The Redis of a world, with `appendonly yes`: what it answered it has after a crash as well; of what it did not answer, each
 * command was done, or was not.
 */
export class RedisServer {
  readonly timeline: Timeline
  readonly kit: FaultKit
  isUp = true
  readonly #options: RedisServerOptions
  readonly #model: RedisModel
  readonly #peers = new Set<RedisPeer>()
  #pausedUntilMs = 0
  /** Of the command that runs now. */
  #args: readonly string[] = []
  /** How often it was started. */
  #life = 0

  constructor(options: RedisServerOptions) {
    const { timeline, kit, watch, blame, version } = options
    this.#options = options
    this.timeline = timeline
    this.kit = kit
    const counts = new RedisCounts(watch, blame, () => this.#model.db)
    const nowMs = (): number => timeline.epochMs
    this.#model = new RedisModel({ nowMs, version, onChanged: (keys) => counts.look(keys, this.#args) })
  }

  connect(peer: RedisPeer): void {
    this.#peers.add(peer)
    this.#model.connect(peer)
  }

  disconnect(peer: RedisPeer): void {
    this.#peers.delete(peer)
    this.#model.disconnect(peer)
  }

  /** A command has arrived. */
  serve(
    peer: RedisPeer,
    command: string,
    args: readonly string[],
    answer: (reply: Reply | CommandError) => void,
  ): void {
    const { timeline, kit } = this
    if (kit.strikes('pause', 'broker')) this.#pausedUntilMs = timeline.monotonic() + kit.between(10, PAUSE_MS)
    if (kit.strikes('demote', 'broker')) this.#demote()
    const life = this.#life
    const work = (): void => {
      if (!this.#peers.has(peer) || life !== this.#life) return
      if (!kit.strikes('restart', 'broker')) return answer(this.#execute(peer, command, args))
      if (kit.between(0, 1) < 0.5) this.#execute(peer, command, args)
      this.#options.onStruck()
    }
    if (this.#pausedUntilMs > timeline.monotonic()) timeline.at(this.#pausedUntilMs, work)
    else work()
  }

  crash(): void {
    this.isUp = false
    this.#life++
    this.#model.restart()
    const peers = [...this.#peers]
    this.#peers.clear()
    for (const peer of peers) peer.onDown()
  }

  boot(): void {
    this.isUp = true
    this.#pausedUntilMs = 0
  }

  #execute(peer: RedisPeer, command: string, args: readonly string[]): Reply | CommandError {
    this.#args = args
    try {
      return this.#model.execute(peer, command, args)
    } catch (error) {
      if (error instanceof CommandError) return error
      throw error
    }
  }

  #demote(): void {
    const { timeline, kit } = this
    this.#model.isReplica = true
    timeline.at(timeline.monotonic() + kit.between(10, DEMOTED_MS), () => (this.#model.isReplica = false))
  }
}
