import { createHash } from 'node:crypto'

/**
 * Ids that follow from others: whoever derives them, and however often, gets the same, in the form of a UUID. So what a
 * task sends after its end is the same message when the task is run again.
 */
export function derivedIds(from: string): () => string {
  let count = 0
  return () => {
    const hex = createHash('sha1').update(`lovage\0${from}\0${count++}`).digest('hex')
    const variant = ((Number.parseInt(hex.slice(16, 18), 16) & 0x3f) | 0x80).toString(16)
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(18, 20)}-${hex.slice(20, 32)}`
  }
}
