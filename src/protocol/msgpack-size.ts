/** Bytes behind the first, of what has a size of its own: nothing, numbers, and extensions with their type. */
const FIXED: Readonly<Record<number, number>> = {
  ...{ 0xca: 4, 0xcb: 8, 0xcc: 1, 0xcd: 2, 0xce: 4, 0xcf: 8, 0xd0: 1, 0xd1: 2, 0xd2: 4, 0xd3: 8 },
  ...{ 0xd4: 2, 0xd5: 3, 0xd6: 5, 0xd7: 9, 0xd8: 17 },
}

/** Bytes of the number behind the first: of bytes, of an extension's bytes, of bytes of a text. */
const SIZED: Readonly<Record<number, number>> = {
  ...{ 0xc4: 1, 0xc5: 2, 0xc6: 4, 0xc7: 1, 0xc8: 2, 0xc9: 4, 0xd9: 1, 0xda: 2, 0xdb: 4 },
}

/** The same, of members: of a list, and, in pairs, of a map. */
const COUNTED: Readonly<Record<number, number>> = { 0xdc: 2, 0xdd: 4, 0xde: 2, 0xdf: 4 }

/**
 * Checks that a body of msgpack is as long as it says. Its reader makes room for a list before it has read one member: a
 * few bytes that promise lists of millions, one in the other, would take all memory there is.
 * @throws Error
 */
export function assertWhole(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const numberAt = (at: number, size: number): number =>
    size === 1 ? view.getUint8(at) : size === 2 ? view.getUint16(at) : view.getUint32(at)
  let at = 0
  // Each value takes one byte at least.
  for (let owed = 1; owed > 0;) {
    if (at + owed > bytes.length) throw new Error('it promises more than it holds')
    const head = bytes[at++] as number
    owed--
    const [sized, counted] = [SIZED[head], COUNTED[head]]
    if (sized !== undefined) at += sized + numberAt(at, sized) + (head >= 0xc7 && head <= 0xc9 ? 1 : 0)
    else if (counted !== undefined) {
      owed += numberAt(at, counted) * (head >= 0xde ? 2 : 1)
      at += counted
    } else if (head >= 0x80 && head <= 0x8f) owed += (head & 0x0f) * 2
    else if (head >= 0x90 && head <= 0x9f) owed += head & 0x0f
    else if (head >= 0xa0 && head <= 0xbf) at += head & 0x1f
    else at += FIXED[head] ?? 0
  }
  if (at > bytes.length) throw new Error('it promises more than it holds')
}
