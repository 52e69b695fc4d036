import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Node, type YAMLMap } from 'yaml'
import type { Unfit } from '../app/check.ts'
import { hostNameProblem, hostUrlProblem } from '../app/config-hosts.ts'
import { LovageError } from '../base/errors.ts'
import type { Host } from '../supervisor/hosts.ts'

const OPTIONS = ['name', 'url', 'username', 'password', 'tags']

/**
 * The hosts of a file: those of a `lovage.config.ts`, or a list in YAML.
 * @throws LovageError as {@link readHosts} and `loadConfig`
 */
export async function hostsOf(file: string): Promise<readonly Host[]> {
  if (!/\.[cm]?[jt]s$/.test(file)) return readHosts(file)
  const { loadConfig } = await import('./target.ts')
  const { hosts } = await loadConfig(resolve(file))
  if (hosts.length > 0) return hosts
  throw invalid(
    file,
    'the file',
    'names no hosts',
    "Write hosts: [{ name: 'web1', url: 'http://10.0.0.1:9001' }] in it",
  )
}

/**
 * Reads a file of hosts: a list, or a list under `hosts:`.
 * @throws LovageError `SUPERVISOR_HOSTS_INVALID` with file, line, entry and option; no value of the file is in it but
 * names and addresses
 */
export function readHosts(file: string): Host[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const problem = `cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'failed'}`
    throw invalid(file, 'the file', problem, 'See that it is there and may be read')
  }
  return hostsIn(text, file)
}

/** The hosts that a text names; `file` is what errors call it. */
export function hostsIn(text: string, file: string): Host[] {
  const lines = new LineCounter()
  // What the parser says of an error may have a password in it.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'silent' })
  const at = (offset: number | undefined): string => `${file}:${offset === undefined ? 1 : lines.linePos(offset).line}`
  const [error] = document.errors
  if (error) {
    const fix = 'Correct the line; a value that begins with a special character stands in quotes'
    throw invalid(at(error.pos[0]), 'the file', `is no YAML (${error.code})`, fix)
  }
  const { contents } = document
  const list = isMap(contents) ? contents.get('hosts', true) : contents
  if (!isSeq(list) || list.items.length === 0) {
    throw invalid(
      at(startOf(list)),
      'the file',
      'has no list of hosts',
      'Write one: - name: web1, and its url, under it',
    )
  }
  const seen = new Set<string>()
  return list.items.map((item, index) => {
    const entry = new EntryReader(item as Node, index + 1, at)
    const host = entry.read()
    if (seen.has(host.name)) throw entry.wrong('name', 'is that of another host', 'Give each host a name of its own')
    seen.add(host.name)
    return host
  })
}

/** One host of the file. */
class EntryReader {
  readonly #at: (offset: number | undefined) => string
  readonly #item: Node
  readonly #number: number

  constructor(item: Node, number: number, at: (offset: number | undefined) => string) {
    this.#at = at
    this.#item = item
    this.#number = number
  }

  read(): Host {
    if (!isMap(this.#item)) throw this.wrong(undefined, 'is no host', 'Write name: and url: in it')
    for (const { key } of this.#item.items) {
      const name = isScalar(key) ? String(key.value) : '?'
      if (!OPTIONS.includes(name)) {
        throw this.wrong(name, 'is no option of a host', `Use one of: ${OPTIONS.join(', ')}`, key as Node)
      }
    }
    const [name, url] = [this.#text('name'), this.#text('url')]
    if (name === undefined) throw this.wrong('name', 'is missing', 'Write name: web1')
    this.#check('name', hostNameProblem(name))
    if (url === undefined) throw this.wrong('url', 'is missing', 'Write url: http://host:9001, or unix:///path')
    this.#check('url', hostUrlProblem(url))
    const [username, password] = [this.#text('username'), this.#text('password')]
    if (password !== undefined && username === undefined) {
      throw this.wrong('username', 'is missing where there is a password', 'Write username: too')
    }
    const who = { ...(username !== undefined && { username }), ...(password !== undefined && { password }) }
    return { name, url, ...who, tags: this.#tags() }
  }

  /** The error of an option of this entry. */
  wrong(
    option: string | undefined,
    problem: string,
    fix: string,
    node = this.#node(option) ?? this.#item,
  ): LovageError {
    const subject = `host ${this.#number}${option === undefined ? '' : `: ${option}`}`
    return invalid(this.#at(startOf(node)), subject, problem, fix)
  }

  #check(option: string, problem: Unfit | undefined): void {
    if (problem) throw this.wrong(option, problem.message, problem.fix)
  }

  #node(option: string | undefined): Node | undefined {
    if (option === undefined || !isMap(this.#item)) return undefined
    return (this.#item as YAMLMap).get(option, true) as Node | undefined
  }

  #text(option: string): string | undefined {
    const node = this.#node(option)
    if (node === undefined) return undefined
    if (isScalar(node) && typeof node.value === 'string' && node.value !== '') return node.value
    throw this.wrong(option, 'is no text', 'Put it in quotes')
  }

  #tags(): string[] {
    const node = this.#node('tags')
    if (node === undefined) return []
    const values = isSeq(node) ? node.items.map((item) => (isScalar(item) ? item.value : undefined)) : [undefined]
    const tags = values.filter((value) => typeof value === 'string' && value !== '') as string[]
    if (tags.length < values.length) throw this.wrong('tags', 'is no list of texts', 'Write tags: [web, eu]')
    return tags
  }
}

/** What is to be told of a file whose passwords others may read. */
export function warningsOf(file: string, hosts: readonly Host[]): string[] {
  const isOpen = (statSync(file).mode & 0o004) !== 0 && hosts.some(({ password }) => password !== undefined)
  return isOpen ? [`${file} has passwords, and every user of this machine may read it: chmod 600 ${file}`] : []
}

const startOf = (node: unknown): number | undefined => (node as Node | undefined)?.range?.[0]

function invalid(at: string, subject: string, problem: string, fix: string): LovageError {
  return new LovageError('SUPERVISOR_HOSTS_INVALID', { at, subject, problem, fix })
}
