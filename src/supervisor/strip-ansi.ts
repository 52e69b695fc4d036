const ESCAPE = 0x1b
const BRACKET = 0x5b
const FINAL = new Set(Buffer.from('HfABCDRsuJKhlpm'))

/** Takes out the escape sequences for colours and the cursor. */
export function stripAnsi(bytes: Buffer): Buffer {
  if (!bytes.includes(ESCAPE)) return bytes
  const kept = Buffer.allocUnsafe(bytes.length)
  let length = 0
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] === ESCAPE && bytes[i + 1] === BRACKET) {
      i += 2
      while (i < bytes.length && !FINAL.has(bytes[i] as number)) i++
    } else kept[length++] = bytes[i] as number
  }
  return kept.subarray(0, length)
}
