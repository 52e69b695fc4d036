import type { Socket } from 'node:net'
import type { EnginePost, EngineServer } from '../../broker/open.ts'
import { FakeFiles } from './fake-files.ts'
import type { FaultKit } from './faults.ts'
import type { SimulatedProcess } from './process.ts'
import { SimulatedSocket } from './simulated-socket.ts'
import type { Timeline } from './timeline.ts'

/** Longest time that a disk takes to make durable what was written. */
const SYNC_MS = 6

/** Small, so that schedules see files that are full and files that go. */
const SEGMENT_BYTES = 16 * 1024

/** Longest time that a new owner reads the journal. */
const READ_MS = 40

interface Owner {
  readonly process: SimulatedProcess
  server: EngineServer | undefined
  readonly ready: Promise<void>
}

/** What a place stands on. */
export interface PlaceOptions {
  readonly timeline: Timeline
  readonly kit: FaultKit
  readonly Engine: typeof EngineServer
  /** Told when the owner dies, and everybody loses it. */
  readonly onOwnerLost: (why: string) => void
}

/**
 * The data directory of a world: one of its processes runs the durable engine on a disk in memory, the others reach it over
 * simulated sockets. When it dies the disk has what was written, or, where the machine's power went, at least what was
 * durable; then another process becomes the owner.
 */
export class SimulatedPlace {
  readonly #options: PlaceOptions
  #files = new FakeFiles()
  #owner: Owner | undefined

  constructor(options: PlaceOptions) {
    this.#options = options
    this.#slowDisk()
  }

  /** What a process has of it. */
  postOf(process: SimulatedProcess): EnginePost {
    return {
      connect: () => this.#connect(process) as unknown as Socket,
      takeOver: async () => {
        await process.pause()
        await (this.#owner ??= this.#own(process)).ready
      },
      leave: () => this.#leave(process),
    }
  }

  #own(process: SimulatedProcess): Owner {
    const { Engine } = this.#options
    let fail: (error: Error) => void = () => {}
    const ready = new Promise<void>((resolve, reject) => {
      fail = reject
      process.at(process.clock.monotonic() + this.#options.kit.between(0, READ_MS), () => {
        const onFailed = (error: unknown): void => this.#options.onOwnerLost(`the disk failed: ${String(error)}`)
        owner.server = new Engine(
          { clock: process.clock, files: this.#files, sync: true, segmentBytes: SEGMENT_BYTES, onFailed },
          'simulated',
        )
        resolve()
      })
    })
    // Who waits for an owner that dies tries the next.
    ready.catch(() => {})
    const owner: Owner = { process, server: undefined, ready }
    process.onDeath(() => {
      if (this.#owner !== owner) return
      this.#owner = undefined
      fail(Object.assign(new Error('the owner died'), { code: 'ECONNREFUSED' }))
      const isPowerLoss = this.#options.kit.between(0, 1) < 0.5
      const random = (): number => this.#options.kit.between(0, 1)
      this.#files = isPowerLoss ? this.#files.afterPowerLoss(random) : this.#files.afterKill()
      this.#slowDisk()
      this.#options.onOwnerLost(isPowerLoss ? 'its owner died with what was not durable' : 'its owner died')
    })
    return owner
  }

  async #leave(process: SimulatedProcess): Promise<void> {
    const owner = this.#owner
    if (owner?.process !== process) return
    await owner.ready
    await owner.server?.stop()
    if (this.#owner !== owner) return
    this.#owner = undefined
    this.#options.onOwnerLost('its owner has stopped')
  }

  #connect(process: SimulatedProcess): SimulatedSocket {
    const socket = new SimulatedSocket(process)
    process.at(process.arrivalMs(), () => {
      const owner = this.#owner
      if (!owner?.server || !owner.process.isAlive) return socket.fail('ECONNREFUSED')
      const { server } = owner
      const other = new SimulatedSocket(owner.process)
      server.serve(other as unknown as Socket)
      SimulatedSocket.join(socket, other)
    })
    return socket
  }

  /** Nothing becomes durable at once. */
  #slowDisk(): void {
    const { timeline, kit } = this.#options
    this.#files.later = (fn) => void timeline.at(timeline.monotonic() + kit.between(0, SYNC_MS), fn)
  }
}
