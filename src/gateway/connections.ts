import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * The open connections of a server and how many requests each carries. Node's own bookkeeping does not do: a connection
 * that never sent a request counts as busy there, and one whose response began before the drain stays open after it.
 */
export class Connections {
  #busy = new Map<Socket, number>()
  #newest = new WeakMap<Socket, ServerResponse>()
  #draining = false

  /** A connection was accepted. */
  opened(socket: Socket): void {
    this.#busy.set(socket, 0)
    socket.once('close', () => this.#busy.delete(socket))
    if (this.#draining) socket.destroySoon()
  }

  /** A request has begun on it. */
  begin(socket: Socket, response: ServerResponse): void {
    const requests = this.#busy.get(socket)
    if (requests === undefined) return
    this.#busy.set(socket, requests + 1)
    this.#newest.set(socket, response)
  }

  /** A request on it is answered or was given up. */
  end(socket: Socket): void {
    const requests = this.#busy.get(socket)
    if (requests === undefined) return
    this.#busy.set(socket, requests - 1)
    if (this.#draining && requests === 1) socket.destroySoon()
  }

  /** Whether something can be written to it without ending up in the middle of a response. */
  isQuiet(socket: Socket): boolean {
    const requests = this.#busy.get(socket) ?? 0
    return requests === 0 || (requests === 1 && this.#newest.get(socket)?.headersSent === false)
  }

  /** From now on a connection is closed as soon as it carries no request. */
  drain(): void {
    this.#draining = true
    for (const [socket, requests] of this.#busy) if (requests === 0) socket.destroySoon()
  }

  /** Closes all, whatever they carry. Returns how many there were. */
  cut(): number {
    const { size } = this.#busy
    for (const socket of this.#busy.keys()) socket.destroy()
    return size
  }
}
