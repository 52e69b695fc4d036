import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'

import type { Clock } from '../../../base/clock.ts'
import type { AmqpTarget } from '../wire/url.ts'

/** How TLS is spoken; as in `tls.connect`. By default the server's certificate must be good for its name. */
export type TlsOptions = Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'passphrase' | 'servername' | 'rejectUnauthorized'>

/**
 * Opens a TCP or TLS connection with Nagle's algorithm off: left on, it costs 41 ms a round trip. Rejects with Node's own
 * error, or with one saying that the time was up.
 */
export function openSocket(target: AmqpTarget, tls: TlsOptions, clock: Clock, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const { host, port } = target
    const at = { host, port, noDelay: true }
    const socket = target.tls ? connectTls({ ...(isIP(host) ? {} : { servername: host }), ...tls, ...at }) : connectTcp(at)
    const fail = (error: Error): void => {
      timer.cancel()
      socket.destroy()
      reject(error)
    }
    const timer = clock.after(timeoutMs, () => fail(new Error(`no connection within ${Math.round(timeoutMs)} ms`)))
    // It stays: an error after this one has been dealt with must not end the process.
    socket.on('error', fail)
    socket.once(target.tls ? 'secureConnect' : 'connect', () => {
      timer.cancel()
      resolve(socket)
    })
  })
}
