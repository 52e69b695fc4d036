import { checkAll, listOf, shown, text, Unfit, type Check, type Checks, type Complaints } from './check.ts'

/** A machine whose supervisor, ours or supervisord, is looked at and steered from here. */
export interface HostProcesses {
  /** How it is called: without space, colon, comma or star. */
  readonly name: string
  /** `http://host:port` or `unix:///path`. */
  readonly url: string
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** By which several are chosen. Default: none. */
  readonly tags?: readonly string[]
}

/** A checked {@link HostProcesses} with its defaults. */
export interface ResolvedHost {
  readonly name: string
  readonly url: string
  readonly username?: string
  readonly password?: string
  readonly tags: readonly string[]
}

/** What is wrong with the name of a host; undefined: nothing. */
export function hostNameProblem(name: string): Unfit | undefined {
  if (/^[^\s:*,]+$/.test(name)) return undefined
  return new Unfit('has a space, a colon, a comma or a star in it', 'Take them out')
}

/** What is wrong with the address of a host; undefined: nothing. */
export function hostUrlProblem(url: string): Unfit | undefined {
  if (/^unix:\/\/\/./.test(url)) return undefined
  const parsed = /^http:\/\/./.test(url) && URL.canParse(url) ? new URL(url) : undefined
  if (!parsed) return new Unfit('is no http:// or unix:// address', 'Write http://host:9001, or unix:///path')
  if (parsed.username === '' && parsed.password === '') return undefined
  return new Unfit('has a password in it', 'Write username and password by themselves')
}

const withoutProblem =
  (problemOf: (value: string) => Unfit | undefined): Check<string> =>
  (value) => {
    const checked = text(value)
    const problem = problemOf(checked)
    if (problem) throw problem
    return checked
  }

/** What it is must not stand in an error. */
const secret: Check<string> = (value) => {
  if (typeof value === 'string' && value !== '') return value
  throw new Unfit('must be a text that is not empty', 'Put it in quotes')
}

const HOST: Checks<{ [Name in keyof ResolvedHost]-?: NonNullable<ResolvedHost[Name]> }> = {
  name: withoutProblem(hostNameProblem),
  url: withoutProblem(hostUrlProblem),
  username: text,
  password: secret,
  tags: listOf(text),
}

/**
 * Checks the hosts of a configuration.
 * @throws what the complaints of the entry make of the first that is wrong
 */
export function resolveHosts(given: readonly unknown[], complaintsOf: (prefix: string) => Complaints): ResolvedHost[] {
  const seen = new Set<string>()
  return given.map((entry, index) => {
    const complaints = complaintsOf(`hosts.${index}.`)
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
      const fix = "Write { name: 'web1', url: 'http://10.0.0.1:9001' }"
      throw complaintsOf('hosts.').invalid(String(index), `must be an object, and is ${shown(entry)}`, fix)
    }
    const { name, url, username, password, tags = [] } = checkAll(entry, HOST, complaints)
    if (name === undefined) throw complaints.invalid('name', 'is missing', "Write name: 'web1'")
    if (url === undefined) throw complaints.invalid('url', 'is missing', "Write url: 'http://host:9001'")
    if (password !== undefined && username === undefined) {
      throw complaints.invalid('username', 'is missing where there is a password', 'Write username too')
    }
    if (seen.has(name)) {
      throw complaints.invalid('name', 'is that of another host', 'Give each host a name of its own')
    }
    seen.add(name)
    return { name, url, ...(username !== undefined && { username }), ...(password !== undefined && { password }), tags }
  })
}
