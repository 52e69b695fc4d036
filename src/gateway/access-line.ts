/** Parts of query names whose values never reach a log. */
const SECRET = /pass|pwd|secret|token|key|auth|sign|session|cred|nonce|otp|pin$|^(?:code|sig|jwt|sid)$/i

/** What a query must have in it to be looked at closely: most have not. An escape may spell anything. */
const SUSPICIOUS = /pass|pwd|secret|token|key|auth|sign|session|cred|nonce|otp|pin|code|sig|jwt|sid|%/i

/** Longest URL that is logged. */
const LONGEST = 512

/**
 * The path and query of a request as a log may show them: values of names like `token` or `signature` as `***`, control
 * characters escaped, at most 512 characters.
 */
export function loggedUrl(url: string): string {
  const mark = url.indexOf('?')
  let shown = url
  if (mark !== -1 && SUSPICIOUS.test(url)) {
    const query = url.slice(mark + 1, mark + 1 + 4 * LONGEST)
    shown = `${url.slice(0, mark)}?${query.split('&').map(loggedPair).join('&')}`
  }
  if (shown.length > LONGEST) shown = `${shown.slice(0, LONGEST)}...`
  return shown.replace(/[^\u0021-\u007e]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

function loggedPair(pair: string): string {
  const equals = pair.indexOf('=')
  if (equals === -1) return pair
  let name = pair.slice(0, equals)
  try {
    name = decodeURIComponent(name)
  } catch {
    // A name that cannot be read is judged as it stands.
  }
  return SECRET.test(name) ? `${pair.slice(0, equals)}=***` : pair
}
