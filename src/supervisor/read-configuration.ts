import { globSync } from './glob.ts'
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { LovageError, messageOf } from '../base/errors.ts'
import type { ControlConfig, SupervisorConfig } from './configuration.ts'
import type { Expansions } from './expand.ts'
import { readIni, type Ini } from './ini.ts'
import { readGroups } from './read-programs.ts'
import { checkInterfaces, readControl, readServers } from './read-servers.ts'
import { SectionReader } from './section-reader.ts'
import {
  readBoolean,
  readByteSize,
  readDirectory,
  readFilePath,
  readInteger,
  readLogLevel,
  readOctal,
} from './values.ts'
import { readPairs } from './words.ts'

/** What a configuration may name of the place where it is read. */
export interface ConfigPlace {
  /** The environment of the supervisor: `%(ENV_x)s`. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** The name of this machine: `%(host_node_name)s`. */
  readonly host: string
  /** Where log files go that nobody has named. */
  readonly temporary: string
}

/** Reads a file and those it includes. Throws SUPERVISOR_CONFIG_UNREADABLE and SUPERVISOR_CONFIG_INVALID. */
export function readConfiguration(path: string, place: ConfigPlace): SupervisorConfig {
  const warnings: string[] = []
  const reader = readSections(path, place, warnings)
  if (!reader.ini.has('supervisord')) {
    throw reader.invalid('supervisord', undefined, 'is missing', 'Add the section, if only its heading')
  }
  return settled(reader, place, warnings)
}

/** Sections and their options, as a configuration file has them. */
export type ConfigSections = Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>>

/** As {@link readConfiguration}, of what is in memory; `file` is what errors call it, and its directory is `%(here)s`. */
export function configurationOf(given: ConfigSections, file: string, place: ConfigPlace): SupervisorConfig {
  const here = dirname(resolve(file))
  const sections = { supervisord: {}, ...given }
  const ini: Ini = new Map(
    Object.entries(sections).map(([name, options]) => {
      const entries = Object.entries(options).map(
        ([option, value]) => [option.toLowerCase(), { value: String(value), file, line: 1, here }] as const,
      )
      return [name, { name, file, line: 1, entries: new Map(entries) }]
    }),
  )
  return settled(readerOf(ini, resolve(file), place), place, [])
}

/** Reads `[supervisorctl]` alone, whatever the rest is like. Throws as {@link readConfiguration}. */
export function readControlConfiguration(path: string, place: ConfigPlace): ControlConfig {
  return readControl(readSections(path, place, []))
}

function settled(reader: SectionReader, { temporary }: ConfigPlace, warnings: string[]): SupervisorConfig {
  return { ...readOwn(reader, warnings, temporary), file: reader.file, warnings, ignored: ignored(reader) }
}

function readSections(path: string, place: ConfigPlace, warnings: string[]): SectionReader {
  const file = resolve(path)
  const ini: Ini = new Map()
  readIni(contents(file), file, dirname(file), ini)
  const reader = readerOf(ini, file, place)
  readIncluded(reader, warnings)
  return reader
}

function readerOf(ini: Ini, file: string, { env, host }: ConfigPlace): SectionReader {
  const here = dirname(file)
  const variables = Object.entries(env).filter((pair): pair is [string, string] => pair[1] !== undefined)
  const expansions: Expansions = { here, host_node_name: host, ...named(variables) }
  return new SectionReader(ini, file, env['HOME'] ?? '~', expansions)
}

function named(variables: readonly (readonly [string, string])[]): Record<string, string> {
  return Object.fromEntries(variables.map(([key, value]) => [`ENV_${key}`, value]))
}

function contents(file: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/^\uFEFF/, '')
  } catch (error) {
    throw new LovageError('SUPERVISOR_CONFIG_UNREADABLE', { file, problem: messageOf(error) }, { cause: error })
  }
}

/** Included files see no `[include]` of their own. */
function readIncluded(reader: SectionReader, warnings: string[]): void {
  if (!reader.ini.has('include')) return
  const files = reader.text('include', 'files')
  if (files === undefined) throw reader.invalid('include', undefined, 'has no files=')
  for (const word of files.split(/\s+/).filter((part) => part !== '')) {
    const pattern = resolve(dirname(reader.file), word)
    const found = globSync(pattern)
    if (found.length === 0) warnings.push(`No file matches via include "${join(dirname(reader.file), word)}"`)
    for (const file of found) readIni(contents(file), file, dirname(file), reader.ini)
  }
}

function readOwn(
  reader: SectionReader,
  warnings: string[],
  temporary: string,
): Omit<SupervisorConfig, 'file' | 'warnings' | 'ignored'> {
  const section = 'supervisord'
  const value = <T>(option: string, read: (text: string, home: SectionReader) => T, fallback: T): T =>
    reader.value(section, option, (text) => read(text, reader), fallback)

  // Programs may name what it sets.
  const environment = value('environment', readPairs, {})
  const own = {
    minfds: value('minfds', readInteger, 1024),
    minprocs: value('minprocs', readInteger, 200),
    directory: value<string | null>('directory', readDirectory, null),
    user: reader.text(section, 'user') ?? null,
    umask: value('umask', readOctal, 0o022),
    logfile: logfileOf(reader),
    logfileMaxbytes: value('logfile_maxbytes', readByteSize, 50 * 1024 ** 2),
    logfileBackups: value('logfile_backups', readInteger, 10),
    loglevel: value('loglevel', readLogLevel, 'info'),
    pidfile: resolve(value('pidfile', readFilePath, 'supervisord.pid')),
    identifier: reader.text(section, 'identifier') ?? 'supervisor',
    nodaemon: value('nodaemon', readBoolean, false),
    silent: value('silent', readBoolean, false),
    childlogdir: value('childlogdir', readDirectory, temporary),
    nocleanup: value('nocleanup', readBoolean, false),
    stripAnsi: value('strip_ansi', readBoolean, false),
    environment,
  }
  reader.expansions = { ...reader.expansions, ...named(Object.entries(environment)) }
  checkInterfaces(reader)
  return {
    ...own,
    groups: readGroups(reader, environment, (warning) => warnings.push(warning)),
    servers: readServers(reader),
    control: readControl(reader),
  }
}

/** null: the supervisor keeps no log. */
function logfileOf(reader: SectionReader): string | null {
  const text = reader.text('supervisord', 'logfile') ?? 'supervisord.log'
  if (/^(none|off|\/dev\/null)$/i.test(text)) return null
  if (text.toLowerCase() === 'syslog') {
    throw reader.invalid('supervisord', 'logfile', 'is syslog, which Node has no way to', 'Name a file')
  }
  return resolve(reader.value('supervisord', 'logfile', readFilePath, text))
}

/** Without a word they would only be found missing when they are needed. */
function ignored(reader: SectionReader): string[] {
  const own =
    /^(supervisord|supervisorctl|include|DEFAULT|((group|program|eventlistener|fcgi-program|rpcinterface|ctlplugin):.*)|((unix|inet)_http_server(:.*)?))$/
  const strange = [...reader.ini.values()].filter(({ name }) => !own.test(name))
  const sections = strange.map(({ name, file, line }) => `${file}:${line}: [${name}] has no effect`)
  const inSections = reader.unasked().filter((text) => !strange.some(({ name }) => text.includes(`: [${name}] `)))
  return [...sections, ...inSections]
}
