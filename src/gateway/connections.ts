import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** An open connection. */
interface Connection {
  /** Requests that are not answered yet. */
  requests: number
  newest: ServerResponse | undefined
}

/**
 * The open connections of a server and how many requests each carries. Node's own bookkeeping does not do: a connection
 * that never sent a request counts as busy there, and one whose response began before the drain stays open after it.
 */
export class Connections {
  #open = new Map<Socket, Connection>()
  #draining = false

  /** A connection was accepted. */
  opened(socket: Socket): void {
    this.#open.set(socket, { requests: 0, newest: undefined })
    socket.once('close', () => this.#open.delete(socket))
    if (this.#draining) socket.destroySoon()
  }

  /** A connection has become a secure one: from now on it is known by its new socket alone. */
  wrapped(socket: Socket): void {
    for (const under of this.#open.keys()) {
      if (under.remotePort === socket.remotePort && under.remoteAddress === socket.remoteAddress)
        this.#open.delete(under)
    }
    this.opened(socket)
  }

  /** A request has begun. */
  begin(socket: Socket, response: ServerResponse): void {
    const connection = this.#open.get(socket)
    if (!connection) return
    connection.requests++
    connection.newest = response
  }

  /** A request is answered or was given up. */
  end(socket: Socket): void {
    const connection = this.#open.get(socket)
    if (!connection) return
    connection.requests--
    if (this.#draining && connection.requests === 0) socket.destroySoon()
  }

  /** Whether something can be written to it without ending up in the middle of a response. */
  isQuiet(socket: Socket): boolean {
    const { requests, newest } = this.#open.get(socket) ?? { requests: 0 }
    return requests === 0 || (requests === 1 && newest?.headersSent === false)
  }

  /** From now on a connection is closed as soon as it carries no request. */
  drain(): void {
    this.#draining = true
    for (const [socket, { requests }] of this.#open) if (requests === 0) socket.destroySoon()
  }

  /** Closes all, whatever they carry. Returns how many there were. */
  cut(): number {
    const { size } = this.#open
    for (const socket of this.#open.keys()) socket.destroy()
    return size
  }
}
