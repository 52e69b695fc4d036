import { createHash, timingSafeEqual } from 'node:crypto'

/** WeChat's signature: the parts in the order of their characters, one after the other, as SHA-1. */
export function signatureOf(...parts: readonly string[]): string {
  return createHash('sha1')
    .update(parts.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))).join(''))
    .digest('hex')
}

/** Whether a signature is that of the parts; takes as long for a wrong one as for a right one. */
export function isSignature(given: unknown, ...parts: readonly string[]): boolean {
  const right = Buffer.from(signatureOf(...parts))
  const told = Buffer.from(typeof given === 'string' ? given : '')
  return told.length === right.length && timingSafeEqual(told, right)
}
