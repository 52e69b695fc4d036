import type { Clock } from '../base/clock.ts'
import type { ProcessStatus } from './machine.ts'
import type { GroupConfig, ProcessConfig } from './configuration.ts'
import type { ConfigInfo, LogChannel, ProcessInfo } from './operations.ts'
import { PROCESS_STATES } from './states.ts'

/** XML-RPC's integers end in January 2038. */
const LARGEST = 2 ** 31 - 1

const seconds = (ms: number): number => Math.min(LARGEST, Math.floor(ms / 1_000))

interface Named {
  readonly name: string
  readonly group: string
  readonly stdoutLogfile: string
  readonly stderrLogfile: string
}

/** What supervisord tells of a process. */
export function processInfo(
  { name, group, stdoutLogfile, stderrLogfile }: Named,
  status: ProcessStatus,
  clock: Clock,
  note = '',
): ProcessInfo {
  const { state, pid, spawnError, exitStatus } = status
  // No spread here: each answer has one of these for each process, and V8 is ten times slower with it.
  return {
    name,
    group,
    start: seconds(status.startedAtMs),
    stop: seconds(status.stoppedAtMs),
    now: seconds(clock.now()),
    state: PROCESS_STATES[state],
    statename: state,
    spawnerr: spawnError,
    exitstatus: exitStatus ?? 0,
    logfile: stdoutLogfile,
    stdout_logfile: stdoutLogfile,
    stderr_logfile: stderrLogfile,
    pid,
    description: describe(name, status, clock, note),
  }
}

function describe(name: string, status: ProcessStatus, clock: Clock, note: string): string {
  if (note === '') return ownWords(name, status, clock)
  return status.state === 'RUNNING' ? `${ownWords(name, status, clock)}, ${note}` : note
}

/** supervisord's. */
function ownWords(name: string, status: ProcessStatus, clock: Clock): string {
  switch (status.state) {
    case 'RUNNING':
      return `pid ${status.pid}, uptime ${uptime(seconds(clock.now()) - seconds(status.startedAtMs))}`
    case 'BACKOFF':
    case 'FATAL':
      return status.spawnError || `unknown error (try "tail ${name}")`
    case 'STOPPED':
    case 'EXITED':
      return status.startedAtMs === 0 ? 'Not started' : localTime(status.stoppedAtMs)
    default:
      return ''
  }
}

/** As Python writes a timedelta: `1 day, 2:03:04`. A clock that was set back gives 0. */
export function uptime(given: number): string {
  const total = Math.max(0, given)
  const [days, hours, minutes, rest] = [total / 86_400, (total / 3_600) % 24, (total / 60) % 60, total % 60].map(
    Math.floor,
  )
  const two = (number: number | undefined): string => String(number).padStart(2, '0')
  const inDays = days === 0 ? '' : `${days} day${days === 1 ? '' : 's'}, `
  return `${inDays}${hours}:${two(minutes)}:${two(rest)}`
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `Nov 21 02:00 AM`, in the time zone of this machine. */
function localTime(epochMs: number): string {
  const at = new Date(epochMs)
  const two = (number: number): string => String(number).padStart(2, '0')
  const hours = at.getHours()
  const clock = `${two(hours % 12 || 12)}:${two(at.getMinutes())} ${hours < 12 ? 'AM' : 'PM'}`
  return `${MONTHS[at.getMonth()]} ${two(at.getDate())} ${clock}`
}

/** What `getAllConfigInfo` tells of a process of the configuration; `path` finds the log files of one that is in use. */
export function configInfo(
  group: GroupConfig,
  config: ProcessConfig,
  inuse: boolean,
  path: (channel: LogChannel) => string | undefined,
): ConfigInfo {
  const logfile = (channel: LogChannel): string => {
    const target = config[channel].logfile
    if (target === 'NONE') return 'none'
    return path(channel) ?? (target === 'AUTO' ? 'auto' : target.path)
  }
  const channel = (name: LogChannel): Record<string, string | number | boolean> => ({
    [`${name}_capture_maxbytes`]: config[name].captureMaxbytes,
    [`${name}_events_enabled`]: config[name].eventsEnabled,
    [`${name}_logfile`]: logfile(name),
    [`${name}_logfile_backups`]: config[name].backups,
    [`${name}_logfile_maxbytes`]: config[name].maxbytes,
    [`${name}_syslog`]: config[name].syslog,
  })
  const { autostart, command, exitcodes, killasgroup, name, startretries, startsecs, stopsignal, stopwaitsecs } = config
  return {
    ...{ autostart, command, exitcodes, inuse, killasgroup, name, startretries, startsecs, stopsignal, stopwaitsecs },
    directory: config.directory ?? 'none',
    uid: config.uid ?? 'none',
    group: group.name,
    group_prio: group.priority,
    process_prio: config.priority,
    redirect_stderr: config.redirectStderr,
    serverurl: config.serverurl ?? 'none',
    ...channel('stdout'),
    ...channel('stderr'),
  }
}
