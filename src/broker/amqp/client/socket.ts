import { readFileSync } from 'node:fs'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import type { Clock } from '../../../base/clock.ts'
import type { AmqpHost, AmqpTls } from '../amqp-url.ts'

/**
 * Opens a TCP or TLS connection with Nagle's algorithm off: left on, it costs 41 ms a round trip. Rejects with Node's own
 * error, or with one saying that the time was up.
 */
export function openSocket(at: AmqpHost, tls: AmqpTls | undefined, clock: Clock, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const { host, port } = at
    const socket = tls
      ? connectTls({ host, port, ...tlsOptions(host, tls) }).setNoDelay(true)
      : connectTcp({ host, port, noDelay: true })
    const fail = (error: Error): void => {
      timer.cancel()
      socket.destroy()
      reject(error)
    }
    const timer = clock.after(timeoutMs, () => fail(new Error(`no connection within ${Math.round(timeoutMs)} ms`)))
    // It stays: an error behind the one that was dealt with must not end the process.
    socket.on('error', fail)
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      timer.cancel()
      resolve(socket)
    })
  })
}

function tlsOptions(host: string, { verify, caFile, certFile, keyFile, serverName }: AmqpTls): ConnectionOptions {
  return {
    rejectUnauthorized: verify,
    // An address is no name: TLS sends none, and the certificate is held against the address.
    servername: serverName ?? (isIP(host) ? '' : host),
    ...(caFile !== undefined && { ca: readFileSync(caFile) }),
    ...(certFile !== undefined && { cert: readFileSync(certFile) }),
    ...(keyFile !== undefined && { key: readFileSync(keyFile) }),
  }
}
