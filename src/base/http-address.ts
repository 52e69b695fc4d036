import { isIP, type AddressInfo } from 'node:net'
import { LovageError, messageOf } from './errors.ts'

/** What keeps a server from listening, in our words. */
export function listenError(error: unknown, host: string, port: number): LovageError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') return new LovageError('PORT_IN_USE', { host, port }, { cause: error })
  return new LovageError('LISTEN_FAILED', { host, port, problem: messageOf(error) }, { cause: error })
}

/** Where a listening server is reached. */
export function urlOf({ port }: AddressInfo, host: string, isSecure: boolean): string {
  // Wildcards are no addresses to go to; this machine always is.
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host
  return `${isSecure ? 'https' : 'http'}://${isIP(name) === 6 ? `[${name}]` : name}:${port}`
}
