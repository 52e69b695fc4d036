import { crc32 } from 'node:zlib'

/** What a sender sends the `nth` time: of any length, and the same each time. */
export function textOf(sender: string, nth: number): string {
  return `${sender} ${nth} `.repeat(1 + ((nth * 7919) % 40))
}

/** What must come of it. */
export function stampOf(sender: string, nth: number): string {
  return `${sender}:${nth}:${crc32(textOf(sender, nth))}`
}
