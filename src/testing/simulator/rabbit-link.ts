import type { Timer } from '../../base/clock.ts'
import { type ChannelEvents, type Link, type LinkChannel, LinkError, type LinkOptions } from '../../broker/open.ts'
import type { SimulatedProcess } from './process.ts'
import { RabbitLinkChannel } from './rabbit-link-channel.ts'
import type { RabbitServer } from './rabbit-server.ts'
import type { Timeline } from './timeline.ts'

/** Most that one side hears later than the other of a loss that no packet tells of. */
const HALF_OPEN_MS = 20_000

/** How long an orderly end waits for the server's word. */
const CLOSE_MS = 1_000

/** What a connection of the model stands on. */
export interface Net {
  readonly timeline: Timeline
  readonly server: RabbitServer
  readonly process: SimulatedProcess
  /** What one channel serves well. */
  readonly channelCredit: number
  /** Told of each loss of a connection, or of a channel that something was consumed on. */
  readonly onLoss: (why: string) => void
  /** Told of each packet to the server: it may be its last. */
  readonly onPacket: () => void
}

/** Opens a connection of a simulated process to the model. */
export function openRabbitLink(net: Net, { timeoutMs, clock, events }: LinkOptions): Promise<RabbitLink> {
  const { timeline, server, process } = net
  return new Promise((resolve, reject) => {
    const timer = clock.after(timeoutMs, () => reject(new LinkError('connection', `no answer within ${timeoutMs} ms`)))
    const link = new RabbitLink(net, events)
    timeline.at(timeline.monotonic() + server.kit.delayMs(process.name), () => {
      const isRefused = !server.isUp || !process.isAlive
      if (!isRefused) link.accept()
      process.at(process.arrivalMs(), () => {
        timer.cancel()
        if (!isRefused && link.isOpen) return resolve(link)
        link.refuse()
        reject(new LinkError('connection', isRefused ? 'connect ECONNREFUSED' : 'the server ended the handshake'))
      })
    })
  })
}

/** One connection to the model: two streams of packets, each in order, each with its delays, both cut at once. */
export class RabbitLink implements Link {
  readonly hasRoom = true
  readonly channelMax = 2_047
  readonly net: Net
  readonly #events: LinkOptions['events']
  readonly #channels = new Set<RabbitLinkChannel>()
  #isOpen = true
  #isCut = false
  /** What is sent from this step of the world on does not get to the server. */
  #lostFrom = Infinity
  #toServerMs = 0
  #toClientMs = 0
  #closing: Promise<void> | undefined
  #onClosed: (() => void) | undefined
  /** What the server knows the connection by. */
  readonly peer = {
    onDown: (): void => {
      // Also what a process had sent that died before the server.
      this.#lostFrom = 0
      this.cut('the server went down', false)
    },
  }

  constructor(net: Net, events: LinkOptions['events']) {
    this.net = net
    this.#events = events
    net.process.onDeath(() => this.#die())
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** It, or one of its channels, is lost, and the client has not been told. */
  get isLostUnknown(): boolean {
    return this.#isOpen && (this.#isCut || [...this.#channels].some((channel) => channel.isLostUnknown))
  }

  get channelCredit(): number {
    return this.net.channelCredit
  }

  accept(): void {
    if (!this.#isCut) this.net.server.connect(this.peer)
  }

  /** It never came about. */
  refuse(): void {
    this.#isOpen = false
    this.#isCut = true
    this.#lostFrom = 0
  }

  openChannel(events: ChannelEvents): Promise<LinkChannel> {
    const channel = new RabbitLinkChannel(this, events)
    this.#channels.add(channel)
    return channel.open()
  }

  close(): Promise<void> {
    if (this.#closing) return this.#closing
    if (!this.#isOpen) return Promise.resolve()
    let timer: Timer | undefined
    this.#closing = new Promise<void>((resolve) => {
      timer = this.net.process.clock.after(CLOSE_MS, () => this.#end(new LinkError('connection', 'no answer')))
      this.#onClosed = resolve
    }).finally(() => timer?.cancel())
    this.toServer(() => {
      this.net.server.disconnect(this.peer)
      this.toClient(() => this.#end(new LinkError('connection', 'the connection was closed')))
    })
    return this.#closing
  }

  forget(channel: RabbitLinkChannel): void {
    this.#channels.delete(channel)
  }

  /** A packet to the server; what is on its way when the connection is cut is lost. */
  toServer(fn: () => void): void {
    const { timeline, server, process, onPacket } = this.net
    onPacket()
    if (server.kit.strikes('cut', process.name)) this.cut('it was cut')
    this.#toServerMs = Math.max(this.#toServerMs, process.arrivalMs())
    const step = timeline.steps
    timeline.at(this.#toServerMs, () => {
      if (step < this.#lostFrom) fn()
    })
  }

  /** A packet to the client. */
  toClient(fn: () => void): void {
    const { server, process } = this.net
    if (server.kit.strikes('cut', process.name)) this.cut('it was cut')
    this.#toClientMs = Math.max(this.#toClientMs, process.arrivalMs())
    process.at(this.#toClientMs, () => {
      if (!this.#isCut) fn()
    })
  }

  /** Loses the connection. Each side hears of it in its own time. */
  cut(why: string, isSilent = this.net.server.kit.between(0, 1) < 0.25): void {
    if (this.#isCut) return
    this.#isCut = true
    this.#lostFrom = 0
    const { timeline, server, process, onLoss } = this.net
    const inMs = (): number => timeline.monotonic() + server.kit.between(0, isSilent ? HALF_OPEN_MS : 10)
    onLoss(isSilent ? `${why}, silently` : why)
    timeline.at(inMs(), () => server.disconnect(this.peer))
    process.at(inMs(), () => this.#end(new LinkError('connection', why)))
  }

  /** The death of a process takes nothing back that is sent already, unless its machine died. */
  #die(): void {
    const { timeline, server, process, onLoss } = this.net
    if (!process.diedAlone && server.kit.between(0, 1) < 0.25) return this.cut('its machine died', true)
    if (this.#isCut) return
    this.#isCut = true
    // What was written in this very step was not sent yet.
    this.#lostFrom = timeline.steps
    onLoss('its process died')
    const endMs = Math.max(this.#toServerMs, timeline.monotonic() + server.kit.between(0, 10))
    timeline.at(endMs, () => server.disconnect(this.peer))
  }

  #end(problem: LinkError): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#isCut = true
    this.#lostFrom = 0
    this.net.server.disconnect(this.peer)
    for (const channel of [...this.#channels]) channel.end(problem)
    this.#onClosed?.()
    this.#events.onClosed(problem)
  }
}
