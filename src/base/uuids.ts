/** UUIDs drawn at a time. */
const BATCH = 128

const BYTES = 16
const CHARACTERS = 36

const DASH = '-'.charCodeAt(0)
const DIGITS = Buffer.from('0123456789abcdef', 'latin1')

/** Before these bytes stands a dash. */
const DASHED: ReadonlySet<number> = new Set([4, 6, 8, 10])

/**
 * Makes random UUIDs of version 4 from bytes that `fill` draws. `crypto.randomUUID` puts each together from twenty texts, a
 * tenth of all the garbage of a call; these are written many at a time, and cut out.
 */
export function uuidsFrom(fill: (bytes: Uint8Array) => void): () => string {
  const drawn = new Uint8Array(BATCH * BYTES)
  const written = Buffer.alloc(BATCH * CHARACTERS)
  let next = BATCH
  return () => {
    if (next === BATCH) {
      fill(drawn)
      write(drawn, written)
      next = 0
    }
    const from = next++ * CHARACTERS
    return written.toString('latin1', from, from + CHARACTERS)
  }
}

function write(drawn: Uint8Array, written: Buffer): void {
  let at = 0
  for (let i = 0; i < drawn.length; i++) {
    const place = i % BYTES
    if (DASHED.has(place)) written[at++] = DASH
    const byte = versioned(drawn[i] as number, place)
    written[at++] = DIGITS[byte >> 4] as number
    written[at++] = DIGITS[byte & 15] as number
  }
}

/** Version 4, and the variant of RFC 9562. */
function versioned(byte: number, place: number): number {
  if (place === 6) return (byte & 0x0f) | 0x40
  return place === 8 ? (byte & 0x3f) | 0x80 : byte
}
