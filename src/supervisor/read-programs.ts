import type { ChannelConfig, GroupConfig, LogTarget, ProcessConfig } from './configuration.ts'
import { isEventName, type EventName } from './event-names.ts'
import type { Expansions } from './expand.ts'
import { sectionNames } from './ini.ts'
import { checkDependencies, readKeeping } from './read-keeping.ts'
import type { SectionReader } from './section-reader.ts'
import {
  readAutorestart,
  readBoolean,
  readByteSize,
  readExitcodes,
  readInteger,
  readList,
  readLogTarget,
  readName,
  readOctal,
  readSignal,
  readUser,
} from './values.ts'
import { readPairs } from './words.ts'

const KINDS = ['program', 'eventlistener', 'fcgi-program'] as const
type Kind = (typeof KINDS)[number]

/** supervisord's name of what its listeners' results mean by default; any other is Python code. */
const RESULT_HANDLER = 'supervisor.dispatchers:default_handler'

/** Reads every program into its group. `environment` is that of `[supervisord]`. */
export function readGroups(
  reader: SectionReader,
  environment: Readonly<Record<string, string>>,
  warn: (warning: string) => void,
): GroupConfig[] {
  const names = sectionNames(reader.ini)
  const grouped = new Set<string>()
  const groups: GroupConfig[] = []
  const programs = (section: string, group: string): ProcessConfig[] =>
    readProcesses(reader, section, group, environment, warn)

  for (const section of names.filter((name) => name.startsWith('group:'))) {
    const name = nameOf(reader, section)
    const members = reader.value(section, 'programs', readList, []).map((program) => {
      const found = (['program', 'fcgi-program'] as const).map((kind) => `${kind}:${program}`)
      const [first, second] = found.filter((candidate) => names.includes(candidate))
      if (first === undefined)
        throw reader.invalid(section, 'programs', `names a program that is not there: ${program}`)
      if (second !== undefined)
        throw reader.invalid(section, 'programs', `names two programs at once: ${found.join(', ')}`)
      grouped.add(first)
      return first
    })
    const processes = members.flatMap((member) => programs(member, name))
    groups.push({ name, section, kind: 'program', priority: priorityOf(reader, section, 999), processes })
  }
  for (const kind of KINDS) {
    for (const section of names.filter((name) => name.startsWith(`${kind}:`) && !grouped.has(name))) {
      groups.push(readGroup(reader, section, kind, programs))
    }
  }
  checkDependencies(reader, groups)
  return groups.toSorted(byPriority)
}

const byPriority = (a: { priority: number; name: string }, b: { priority: number; name: string }): number =>
  a.priority - b.priority || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)

function readGroup(
  reader: SectionReader,
  section: string,
  kind: Kind,
  programs: (section: string, group: string) => ProcessConfig[],
): GroupConfig {
  const name = nameOf(reader, section)
  const priority = priorityOf(reader, section, kind === 'eventlistener' ? -1 : 999)
  const group = { name, section, kind, priority }
  if (kind === 'eventlistener')
    return { ...group, ...readListener(reader, section), processes: programs(section, name) }
  if (kind === 'program') return { ...group, processes: programs(section, name) }
  const socket = reader.text(section, 'socket', { program_name: name })
  if (socket === undefined) throw reader.invalid(section, undefined, 'has no socket=')
  if (!/^tcp:\/\/[^\s:]+:\d+$|^unix:\/\/\//.test(socket)) {
    throw reader.invalid(section, 'socket', `is neither tcp://host:port nor unix:///path: '${socket}'`)
  }
  for (const option of ['socket_backlog', 'socket_owner', 'socket_mode']) reader.raw(section, option)
  return { ...group, socket, processes: programs(section, name) }
}

function readListener(reader: SectionReader, section: string): { events: EventName[]; bufferSize: number } {
  const bufferSize = reader.value(section, 'buffer_size', readInteger, 10)
  if (bufferSize < 1) throw reader.invalid(section, 'buffer_size', `is less than 1: ${bufferSize}`)
  if ((reader.text(section, 'result_handler') ?? RESULT_HANDLER) !== RESULT_HANDLER) {
    throw reader.invalid(section, 'result_handler', 'names Python code, which cannot run here', 'Leave it out')
  }
  const events = reader.value(section, 'events', readList, []).map((word) => {
    const event = word.toUpperCase()
    if (!isEventName(event)) throw reader.invalid(section, 'events', `names an event that is not there: ${word}`)
    return event
  })
  if (events.length === 0) throw reader.invalid(section, undefined, 'has no events=')
  if (reader.value(section, 'redirect_stderr', readBoolean, false)) {
    const problem = 'is true: what the listener writes to stderr would be taken for its answers'
    throw reader.invalid(section, 'redirect_stderr', problem, 'Leave it out')
  }
  return { events: [...new Set(events)], bufferSize }
}

function nameOf(reader: SectionReader, section: string): string {
  try {
    return readName(section.slice(section.indexOf(':') + 1))
  } catch (error) {
    throw reader.invalid(section, undefined, (error as Error).message, 'Give it a name without space, colon and slash')
  }
}

function priorityOf(reader: SectionReader, section: string, fallback: number): number {
  return reader.value(section, 'priority', readInteger, fallback)
}

function readProcesses(
  reader: SectionReader,
  section: string,
  group: string,
  environment: Readonly<Record<string, string>>,
  warn: (warning: string) => void,
): ProcessConfig[] {
  const program = nameOf(reader, section)
  const common = { program_name: program, group_name: group }
  const numprocs = reader.value(section, 'numprocs', readInteger, 1, common)
  const first = reader.value(section, 'numprocs_start', readInteger, 0, common)
  const name = reader.raw(section, 'process_name') ?? '%(program_name)s'
  if (numprocs > 1 && !name.includes('%(process_num)')) {
    const problem = `does not have %(process_num) in it, but numprocs is ${numprocs}`
    throw reader.invalid(section, 'process_name', problem, 'Write process_name=%(program_name)s_%(process_num)02d')
  }
  return Array.from({ length: Math.max(0, numprocs) }, (_, index) => {
    const numbers = { ...common, process_num: first + index, numprocs }
    return readProcess(reader, section, name, numbers, environment, index === 0 ? warn : () => {})
  }).toSorted(byPriority)
}

function readProcess(
  reader: SectionReader,
  section: string,
  nameText: string,
  numbers: Expansions,
  environment: Readonly<Record<string, string>>,
  warn: (warning: string) => void,
): ProcessConfig {
  const own = reader.value(section, 'environment', readPairs, {}, numbers)
  const more = { ...numbers, ...Object.fromEntries(Object.entries(own).map(([key, value]) => [`ENV_${key}`, value])) }
  const integer = (option: string, fallback: number): number =>
    reader.value(section, option, readInteger, fallback, more)
  const boolean = (option: string, fallback: boolean): boolean =>
    reader.value(section, option, readBoolean, fallback, more)

  const command = reader.text(section, 'command', more)
  if (command === undefined) throw reader.invalid(section, undefined, 'has no command=')
  const stopasgroup = boolean('stopasgroup', false)
  const killasgroup = boolean('killasgroup', stopasgroup)
  if (stopasgroup && !killasgroup) {
    throw reader.invalid(section, 'killasgroup', 'is false, but stopasgroup is true', 'Set both, or neither')
  }
  const redirectStderr = boolean('redirect_stderr', false)
  const stdout = readChannel(reader, section, 'stdout', more, warn)
  const stderr = readChannel(reader, section, 'stderr', more, warn)
  if (redirectStderr && typeof stderr.logfile === 'object') {
    warn(`[${section}] has redirect_stderr=true, so that its stderr_logfile has no effect`)
  }
  const serverurl = reader.text(section, 'serverurl', more) ?? 'AUTO'
  return {
    name: reader.guard(section, 'process_name', () =>
      readName(reader.expanded(section, 'process_name', nameText, more)),
    ),
    program: String(numbers['program_name']),
    command,
    directory: reader.text(section, 'directory', more) ?? null,
    umask: reader.value<number | null>(section, 'umask', readOctal, null, more),
    uid: reader.value<number | null>(section, 'user', readUser, null, more),
    priority: integer('priority', 999),
    autostart: boolean('autostart', true),
    autorestart: reader.value<ProcessConfig['autorestart']>(
      section,
      'autorestart',
      readAutorestart,
      'unexpected',
      more,
    ),
    startsecs: integer('startsecs', 1),
    startretries: integer('startretries', 3),
    exitcodes: reader.value<readonly number[]>(section, 'exitcodes', readExitcodes, [0], more),
    stopsignal: reader.value(section, 'stopsignal', readSignal, 15, more),
    stopwaitsecs: integer('stopwaitsecs', 10),
    stopasgroup,
    killasgroup,
    redirectStderr,
    stdout,
    stderr: redirectStderr ? { ...stderr, logfile: 'NONE' } : stderr,
    environment: { ...environment, ...own },
    serverurl: serverurl.trim().toUpperCase() === 'AUTO' ? null : serverurl,
    ...readKeeping(reader, section, more),
  }
}

function readChannel(
  reader: SectionReader,
  section: string,
  channel: 'stdout' | 'stderr',
  more: Expansions,
  warn: (warning: string) => void,
): ChannelConfig {
  const option = `${channel}_logfile`
  const target = reader.value<LogTarget | 'syslog'>(section, option, readLogTarget, 'AUTO', more)
  if (target === 'syslog') warn(`[${section}] has ${option}=syslog, which is deprecated: write ${channel}_syslog=true`)
  const maxbytes = reader.value(section, `${option}_maxbytes`, readByteSize, 50 * 1024 ** 2, more)
  if (target === 'AUTO' && maxbytes === 0) {
    warn(`[${section}] keeps ${channel} in a file of our choice that is never rotated: set ${option}_maxbytes`)
  }
  return {
    logfile: target === 'syslog' ? 'NONE' : target,
    maxbytes,
    backups: reader.value(section, `${option}_backups`, readInteger, 10, more),
    captureMaxbytes: reader.value(section, `${channel}_capture_maxbytes`, readByteSize, 0, more),
    eventsEnabled: reader.value(section, `${channel}_events_enabled`, readBoolean, false, more),
    syslog: target === 'syslog' || reader.value(section, `${channel}_syslog`, readBoolean, false, more),
  }
}
