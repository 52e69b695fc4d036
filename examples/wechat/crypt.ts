import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/** PKCS#7 with blocks of 32 bytes, where AES itself has 16: OpenSSL's own padding does not do. */
const BLOCK = 32

/** What WeChat's encrypted mode is set up with. */
export interface CryptKey {
  /** 43 characters, from the page where the mode is switched on. */
  readonly encodingAesKey: string
  readonly appId: string
}

/** Encrypts: 16 random bytes, the length of the message, the message, the id of the account. */
export function encrypt({ encodingAesKey, appId }: CryptKey, message: string, random = randomBytes(16)): string {
  const bytes = Buffer.from(message)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  const plain = Buffer.concat([random, length, bytes, Buffer.from(appId)])
  const missing = BLOCK - (plain.length % BLOCK)
  const key = keyOf(encodingAesKey)
  const cipher = createCipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false)
  return Buffer.concat([cipher.update(plain), cipher.update(Buffer.alloc(missing, missing)), cipher.final()]).toString(
    'base64',
  )
}

/**
 * Decrypts, and checks what was encrypted.
 * @throws Error that says what is wrong with it
 */
export function decrypt({ encodingAesKey, appId }: CryptKey, encrypted: string): string {
  const key = keyOf(encodingAesKey)
  const decipher = createDecipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false)
  const padded = Buffer.concat([decipher.update(Buffer.from(encrypted, 'base64')), decipher.final()])
  const padding = padded.at(-1) ?? 0
  if (padding < 1 || padding > BLOCK || padding > padded.length) throw new Error('the padding is wrong')
  const plain = padded.subarray(0, padded.length - padding)
  if (plain.length < 20) throw new Error('the message is too short')
  const end = 20 + plain.readUInt32BE(16)
  if (end > plain.length) throw new Error('the message is cut off')
  if (plain.toString('utf8', end) !== appId) throw new Error('the message is for another account')
  return plain.toString('utf8', 20, end)
}

function keyOf(encodingAesKey: string): Buffer {
  const key = Buffer.from(`${encodingAesKey}=`, 'base64')
  if (key.length !== 32) throw new Error('WECHAT_AES_KEY must have 43 characters')
  return key
}
