import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** How the proxy treats bytes. */
export type ProxyMode =
  /** Passes them. */
  | 'open'
  /** Takes them and passes nothing on, either way; connections stay. The cable is pulled, nobody is told. */
  | 'black-hole'
  /** Reads nothing: the sender's buffers fill. */
  | 'stalled'
  /** Closes new connections at once. */
  | 'refusing'

interface Pair {
  client: Socket
  upstream: Socket
}

/**
 * A wire between a client and a service, to be hurt: cuts, black holes, half-open sockets, slowness. Each method acts on
 * the connections that are there and on those to come, unless it says otherwise.
 */
export class TcpProxy {
  readonly port: number
  readonly target: { host: string; port: number }
  #server: Server
  #pairs = new Set<Pair>()
  #mode: ProxyMode = 'open'
  #bytesPerSecond = Infinity
  #connected = 0
  #waiting = new Set<() => void>()

  private constructor(server: Server, target: { host: string; port: number }) {
    this.#server = server
    this.target = target
    this.port = (server.address() as AddressInfo).port
    server.on('connection', (socket) => this.#accept(socket))
  }

  /** Starts one in front of `target`. */
  static async start(target: { host?: string; port: number }, port = 0): Promise<TcpProxy> {
    // Half-open must be possible: the end of one side is passed on by us, not by the socket.
    const server = createServer({ allowHalfOpen: true, noDelay: true })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', resolve)
    })
    return new TcpProxy(server, { host: target.host ?? '127.0.0.1', port: target.port })
  }

  /** Connections open now. */
  get connections(): number {
    return this.#pairs.size
  }

  /** `url` with host and port of the proxy in place of the service's. */
  urlFor(url: string): string {
    const through = new URL(url)
    through.hostname = '127.0.0.1'
    through.port = String(this.port)
    return through.href
  }

  /** Resolves when `count` connections have been made through here since the start. */
  async connectionNumber(count: number, timeoutMs = 60_000): Promise<void> {
    if (this.#connected >= count) return
    await new Promise<void>((resolve, reject) => {
      const check = (): void => {
        if (this.#connected < count) return
        clearTimeout(timer)
        this.#waiting.delete(check)
        resolve()
      }
      const timer = setTimeout(() => {
        this.#waiting.delete(check)
        reject(new Error(`proxy: ${this.#connected} of ${count} connections came within ${timeoutMs} ms`))
      }, timeoutMs)
      this.#waiting.add(check)
    })
  }

  /** Connections made since the start. */
  get connected(): number {
    return this.#connected
  }

  get mode(): ProxyMode {
    return this.#mode
  }

  set mode(mode: ProxyMode) {
    this.#mode = mode
    for (const { client, upstream } of this.#pairs) {
      for (const socket of [client, upstream]) {
        if (mode === 'stalled') socket.pause()
        else socket.resume()
      }
    }
  }

  /** Slows each direction of each connection down; `Infinity` lifts it. */
  set bytesPerSecond(rate: number) {
    this.#bytesPerSecond = rate
  }

  /** Breaks all connections with a reset. New ones are served. */
  cut(): void {
    for (const pair of this.#pairs) {
      reset(pair.client)
      reset(pair.upstream)
    }
    this.#pairs.clear()
  }

  /** Drops the service's side only: the client's sockets stay open and hear nothing any more. */
  halfOpen(): void {
    for (const pair of this.#pairs) {
      pair.client.unpipe()
      pair.upstream.removeAllListeners('close')
      pair.upstream.removeAllListeners('end')
      pair.upstream.destroy()
    }
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.cut()
    await closed
  }

  #accept(client: Socket): void {
    if (this.#mode === 'refusing') {
      client.on('error', () => {})
      reset(client)
      return
    }
    const upstream = connect({ ...this.target, allowHalfOpen: true, noDelay: true })
    const pair: Pair = { client, upstream }
    this.#pairs.add(pair)
    this.#join(client, upstream, pair)
    this.#join(upstream, client, pair)
    if (this.#mode === 'stalled') {
      client.pause()
      upstream.pause()
    }
    upstream.once('connect', () => {
      this.#connected += 1
      for (const check of [...this.#waiting]) check()
    })
  }

  #join(from: Socket, to: Socket, pair: Pair): void {
    from.on('error', () => to.destroy())
    from.on('close', () => {
      if (this.#mode !== 'black-hole') to.destroy()
      // Until both are gone it can be cut: a server that stops waits for the side that is left.
      if (to.destroyed) this.#pairs.delete(pair)
    })
    from.on('end', () => {
      if (this.#mode !== 'black-hole') to.end()
    })
    from.on('data', (chunk: Buffer) => this.#pass(from, to, chunk))
  }

  #pass(from: Socket, to: Socket, chunk: Buffer): void {
    if (this.#mode === 'black-hole' || to.destroyed) return
    const go = (): void => {
      if (this.#mode === 'open') from.resume()
    }
    if (this.#bytesPerSecond !== Infinity) {
      from.pause()
      setTimeout(
        () => {
          if (to.destroyed) return
          to.write(chunk)
          go()
        },
        (chunk.length / this.#bytesPerSecond) * 1_000,
      )
      return
    }
    if (!to.write(chunk)) {
      from.pause()
      to.once('drain', go)
    }
  }
}

/**
 * Ends a socket so that the other side is told of a reset. One whose own end is on its way can only be closed: Node would
 * neither reset nor ever free it, and the process could not end (CleanupHandles waits for it without end).
 */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}
