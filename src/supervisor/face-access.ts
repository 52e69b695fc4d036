import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'

/** Who may ask: what `[inet_http_server]` and `[unix_http_server]` say. */
export interface Credentials {
  readonly username: string | null
  /** Clear, or `{SHA}` and the SHA-1 in hexadecimal. */
  readonly password: string | null
}

/**
 * Makes the check of the `Authorization` header. Without a username everybody passes, as with supervisord. Takes as long
 * for a wrong password as for a right one.
 */
export function passwordCheck({ username, password }: Credentials): (header: string | undefined) => boolean {
  if (username === null || password === null) return () => true
  const isHashed = password.startsWith('{SHA}')
  const rightName = digest(username)
  const right = digest(isHashed ? password.slice('{SHA}'.length).toLowerCase() : password)
  return (header) => {
    const [, encoded = ''] = /^basic +([a-z\d+/=_-]+) *$/i.exec(header ?? '') ?? []
    const given = Buffer.from(encoded, 'base64').toString('utf8')
    const colon = given.indexOf(':')
    const name = given.slice(0, Math.max(0, colon))
    const word = given.slice(colon + 1)
    const isName = timingSafeEqual(digest(name), rightName)
    const isWord = timingSafeEqual(digest(isHashed ? sha1(word) : word), right)
    return colon !== -1 && isName && isWord
  }
}

/** Whether a page of another origin has a browser send this: programs send no origin. */
export function isForeignOrigin({ host = '', origin }: IncomingHttpHeaders): boolean {
  return origin !== undefined && origin.toLowerCase().replace(/^https?:\/\//, '') !== host.toLowerCase()
}

/**
 * Whether a request calls this machine by a name that a stranger may have made lead here (DNS rebinding). An address is no
 * name.
 * @param own Names of this machine, in small letters.
 */
export function isForeignHost({ host = '' }: IncomingHttpHeaders, own: readonly string[]): boolean {
  const [, name = '?'] = /^(\[[\da-f:.]+\]|[^:[\]]*)(?::\d{1,5})?$/i.exec(host) ?? []
  const bare = name.toLowerCase().replace(/^\[|\]$|\.$/g, '')
  // Some programs send an empty one; no browser does.
  if (bare === '' || bare === 'localhost' || isIP(bare) !== 0) return false
  return !own.includes(bare)
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex')
}
