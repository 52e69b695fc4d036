import { connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** A connection that sends bytes as they are given, and what has come back on it. */
export interface RawClient {
  readonly socket: Socket
  /** Everything received so far. */
  received(): string
  send(bytes: string | Uint8Array): void
  /** Resolves when `holds` is true of what has come; rejects when the connection ends before. */
  until(holds: (received: string) => boolean): Promise<string>
  /** Resolves to everything when the other side has closed the connection. */
  closed(): Promise<string>
}

/** Connects to the server at `url`; the connection ends with the test. */
export async function rawClient(url: string): Promise<RawClient> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  onTestFinished(() => void socket.destroy())
  let received = ''
  const closed = new Promise<string>((resolve) => {
    // A reset is an end too: what matters is what had come before.
    socket.on('error', () => {})
    socket.on('close', () => resolve(received))
  })
  const watchers = new Set<() => void>()
  socket.setEncoding('latin1').on('data', (text: string) => {
    received += text
    for (const watch of watchers) watch()
  })
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  return {
    socket,
    received: () => received,
    send: (bytes) => void socket.write(bytes),
    until: (holds) =>
      new Promise((resolve, reject) => {
        const watch = (): void => {
          if (!holds(received)) return
          watchers.delete(watch)
          resolve(received)
        }
        watchers.add(watch)
        void closed.then(() => reject(new Error(`the connection was closed after: ${received}`)))
        watch()
      }),
    closed: () => closed,
  }
}

/** The status lines in what came back. */
export function statuses(received: string): number[] {
  return [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
}

/** Sends one request and resolves to what comes back until the server closes the connection. */
export async function exchange(url: string, bytes: string | Uint8Array): Promise<string> {
  const client = await rawClient(url)
  client.send(bytes)
  return client.closed()
}
