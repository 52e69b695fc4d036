import { resolve } from 'node:path'
import type { ControlConfig, InetServerConfig, ServerConfig, UnixServerConfig } from './configuration.ts'
import { sectionNames } from './ini.ts'
import type { SectionReader } from './section-reader.ts'
import { readAddress, readFilePath, readOctal, readOwner } from './values.ts'

/** Who may use a server. Both, or nobody is asked. */
function access(reader: SectionReader, section: string): { username: string | null; password: string | null } {
  const username = reader.text(section, 'username') ?? null
  const password = reader.text(section, 'password') ?? null
  if ((username === null) !== (password === null)) {
    const [given, missing] = username === null ? ['password', 'username'] : ['username', 'password']
    throw reader.invalid(section, given, `is given without ${missing}`, 'Give both, or neither')
  }
  return { username, password }
}

const readNames = (text: string): string[] =>
  text
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((name) => name !== '')

/** `[inet_http_server]` and `[unix_http_server]`, with or without a name behind a colon; those of TCP first. */
export function readServers(reader: SectionReader): ServerConfig[] {
  const named = (kind: string): { section: string; name: string | null }[] =>
    sectionNames(reader.ini)
      .filter((section) => section === kind || section.startsWith(`${kind}:`))
      .map((section) => ({ section, name: section === kind ? null : section.slice(kind.length + 1) }))

  const inet = named('inet_http_server').map(({ section, name }): InetServerConfig => {
    const who = access(reader, section)
    const address = reader.value<{ host: string; port: number } | undefined>(section, 'port', readAddress, undefined)
    if (!address) throw reader.invalid(section, undefined, 'has no port=')
    const allowedHosts = reader.value<readonly string[]>(section, 'allowed_hosts', readNames, [])
    return { kind: 'inet', section, name, ...who, ...address, allowedHosts }
  })
  const unix = named('unix_http_server').map(({ section, name }): UnixServerConfig => {
    const file = reader.value<string | undefined>(
      section,
      'file',
      (text, home) => readFilePath(text.trim(), home),
      undefined,
    )
    if (file === undefined) throw reader.invalid(section, undefined, 'has no file=')
    const who = access(reader, section)
    const chown = reader.value<readonly [number, number]>(section, 'chown', readOwner, [-1, -1])
    const chmod = reader.value(section, 'chmod', readOctal, 0o700)
    return { kind: 'unix', section, name, ...who, file: resolve(file), chmod, chown }
  })
  return [...inet, ...unix]
}

/** `[supervisorctl]`. */
export function readControl(reader: SectionReader): ControlConfig {
  const section = 'supervisorctl'
  reader.raw(section, 'history_file')
  return {
    serverurl: reader.text(section, 'serverurl') ?? 'http://localhost:9001',
    username: reader.text(section, 'username') ?? null,
    password: reader.text(section, 'password') ?? null,
    prompt: reader.text(section, 'prompt') ?? 'supervisor',
  }
}

/** The factory of supervisord's own XML-RPC, which is always there. */
const OWN_FACTORY = 'supervisor.rpcinterface:make_main_rpcinterface'

/** Refuses what would have to be Python code of somebody's own. */
export function checkInterfaces(reader: SectionReader): void {
  for (const section of sectionNames(reader.ini).filter((name) => name.startsWith('rpcinterface:'))) {
    const option = 'supervisor.rpcinterface_factory'
    const factory = reader.text(section, option)
    if (factory === undefined) throw reader.invalid(section, undefined, `has no ${option}=`)
    if (factory !== OWN_FACTORY) {
      const problem = `names Python code, which cannot run here: '${factory}'`
      throw reader.invalid(section, option, problem, `Leave the section out, or write ${OWN_FACTORY}`)
    }
  }
}
