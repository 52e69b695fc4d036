import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { type Check, shown, Unfit } from '../app/check.ts'
import { LovageError, messageOf } from '../base/errors.ts'

/** Files of a certificate and its key, in PEM. They are read at the start, and again by `reload()`. */
export interface TlsFiles {
  /** Path of the certificate, with those that lead to its authority behind it. */
  readonly cert: string
  /** Path of the private key. */
  readonly key: string
}

/** Checks that there are two paths; whether they can be read shows at the start. */
export const tlsFiles: Check<TlsFiles> = (value) => {
  const { cert, key } = (value ?? {}) as Partial<TlsFiles>
  if (typeof cert === 'string' && cert !== '' && typeof key === 'string' && key !== '') return { cert, key }
  throw new Unfit(`must name two files, and is ${shown(value)}`, "Write { cert: 'cert.pem', key: 'key.pem' }")
}

/**
 * What the files hold.
 * @throws LovageError `OPTION_INVALID` where they cannot be read, or do not belong together
 */
export function readTls({ cert, key }: TlsFiles): { cert: Buffer; key: Buffer } {
  try {
    const read = { cert: readFileSync(cert), key: readFileSync(key) }
    createSecureContext(read)
    return read
  } catch (error) {
    const problem = `cannot be used: ${messageOf(error)}`
    const fix = 'Name a certificate and its private key, both PEM, that this user may read'
    throw new LovageError('OPTION_INVALID', { option: 'tls', where: 'gateway()', problem, fix }, { cause: error })
  }
}
