import { createHash, scrypt, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../base/clock.ts'

/** What a hash costs to make, 2^15 rounds over 1 KiB: 32 MiB and some 50 ms, for each guess too. */
const COST = { log2: 15, r: 8, p: 1 } as const
const BYTES = 32

/** Hashes that cost more than this are not tried: a file of users must not be able to stop the server. */
const MOST = { log2: 18, r: 16, p: 4 } as const

interface Stored {
  readonly log2: number
  readonly r: number
  readonly p: number
  readonly salt: Buffer
  readonly hash: Buffer
}

/** A password as it is stored: `scrypt:15:8:1:<salt>:<hash>`. */
export async function hashPassword(password: string, clock: Clock): Promise<string> {
  const salt = Buffer.from(clock.uuid().replaceAll('-', ''), 'hex')
  const hash = await derive(password, { ...COST, salt, hash: Buffer.alloc(BYTES) })
  const { log2, r, p } = COST
  return ['scrypt', log2, r, p, salt.toString('base64url'), hash.toString('base64url')].join(':')
}

/** Whether a text is one of {@link hashPassword}. */
export function isPasswordHash(text: string): boolean {
  return readHash(text) !== undefined
}

/** Whether a password is the one that was hashed. Takes as long where it is not, and where there is none. */
export async function isPassword(password: string, stored: string | undefined): Promise<boolean> {
  const known = stored === undefined ? undefined : readHash(stored)
  const asked = known ?? { ...COST, salt: Buffer.alloc(16), hash: Buffer.alloc(BYTES) }
  const hash = await derive(password, asked)
  return timingSafeEqual(hash, asked.hash) && known !== undefined
}

/** A token as it is stored: it is long and random already, so that one round is enough. */
export function hashToken(token: string): string {
  return `sha256:${createHash('sha256').update(token).digest('base64url')}`
}

export function isTokenHash(text: string): boolean {
  return /^sha256:[\w-]{43}$/.test(text)
}

/** Compares in a time that tells nothing of where they differ. */
export function isSameText(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(one), digest(other))
}

/** 244 random bits, fit for a URL: a new token, or the id of a session. */
export function randomToken(clock: Clock): string {
  return Buffer.from(`${clock.uuid()}${clock.uuid()}`.replaceAll('-', ''), 'hex').toString('base64url')
}

function readHash(text: string): Stored | undefined {
  const match = /^scrypt:(\d{1,2}):(\d{1,2}):(\d{1,2}):([\w-]{16,100}):([\w-]{43,100})$/.exec(text)
  if (!match) return undefined
  const [, log2, r, p, salt, hash] = match
  const stored = {
    log2: Number(log2),
    r: Number(r),
    p: Number(p),
    salt: Buffer.from(salt as string, 'base64url'),
    hash: Buffer.from(hash as string, 'base64url'),
  }
  const isFit = (name: 'log2' | 'r' | 'p'): boolean => stored[name] >= 1 && stored[name] <= MOST[name]
  return isFit('log2') && isFit('r') && isFit('p') ? stored : undefined
}

function derive(password: string, { log2, r, p, salt, hash }: Stored): Promise<Buffer> {
  const N = 2 ** log2
  return new Promise((resolve, reject) => {
    scrypt(password, salt, hash.length, { N, r, p, maxmem: 256 * N * r }, (error, derived) => {
      if (error) reject(error)
      else resolve(derived)
    })
  })
}
