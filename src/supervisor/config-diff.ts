import { createHash } from 'node:crypto'
import { redactUrl } from '../base/redact.ts'
import type { ChannelConfig, GroupConfig, ProcessConfig, ReadyConfig } from './configuration.ts'

export type ChangeKind = 'added' | 'changed' | 'removed'

/** One option, as it runs and as it is in the configuration; secrets are `***`. */
export interface OptionChange {
  readonly option: string
  readonly from: string
  readonly to: string
}

export interface ProcessChange {
  readonly name: string
  readonly change: ChangeKind
  /** It must be started anew to have it so; else it goes on with it. */
  readonly restarts: boolean
  readonly options: readonly OptionChange[]
}

/** How a group of the configuration differs from what runs. */
export interface GroupChange {
  readonly name: string
  readonly change: ChangeKind
  /** Of the group as it is to be: who applies the change gives it back, so that nothing else is applied. */
  readonly fingerprint: string
  /** Its own, beside those of its processes. */
  readonly options: readonly OptionChange[]
  readonly processes: readonly ProcessChange[]
}

/** What the life of a process looks at as it goes: these need no new start. */
const LIVE: ReadonlySet<keyof ProcessConfig> = new Set<keyof ProcessConfig>([
  ...(['startsecs', 'startretries', 'autorestart', 'exitcodes', 'stopsignal', 'stopwaitsecs'] as const),
  ...(['stopasgroup', 'killasgroup', 'priority', 'autostart'] as const),
  ...(['readywaitsecs', 'drain', 'drainwaitsecs', 'stopGuard', 'dependsOn'] as const),
])

/** Whether a process can take the other configuration over while it runs. */
export function isLiveChange(from: ProcessConfig, to: ProcessConfig): boolean {
  return (Object.keys(to) as (keyof ProcessConfig)[]).every((key) => LIVE.has(key) || same(from[key], to[key]))
}

export function fingerprintOf(group: GroupConfig | undefined): string {
  return createHash('sha256')
    .update(JSON.stringify(group ?? null))
    .digest('hex')
    .slice(0, 16)
}

/** All groups that differ: those that go first, then those that change, then those that come. */
export function groupChanges(running: readonly GroupConfig[], latest: readonly GroupConfig[]): GroupChange[] {
  const find = (groups: readonly GroupConfig[], name: string): GroupConfig | undefined =>
    groups.find((group) => group.name === name)
  const of = (from: GroupConfig | undefined, to: GroupConfig | undefined, change: ChangeKind): GroupChange => ({
    name: (to ?? from)?.name ?? '',
    ...{ change, fingerprint: fingerprintOf(to) },
    options: from && to ? differences(ownOptions(from), ownOptions(to)) : [],
    processes: processChanges(from, to),
  })
  return [
    ...running.filter(({ name }) => !find(latest, name)).map((group) => of(group, undefined, 'removed')),
    ...latest.flatMap((group) => {
      const from = find(running, group.name)
      return from && !same(from, group) ? [of(from, group, 'changed')] : []
    }),
    ...latest.filter(({ name }) => !find(running, name)).map((group) => of(undefined, group, 'added')),
  ]
}

function processChanges(from: GroupConfig | undefined, to: GroupConfig | undefined): ProcessChange[] {
  const [before, after] = [from?.processes ?? [], to?.processes ?? []]
  const removed = before.filter(({ name }) => !after.some((each) => each.name === name))
  const changes: ProcessChange[] = removed.map(({ name }) => ({
    name,
    change: 'removed',
    restarts: false,
    options: [],
  }))
  for (const config of after) {
    const { name } = config
    const old = before.find((each) => each.name === name)
    if (!old) changes.push({ name, change: 'added', restarts: false, options: differences({}, optionsOf(config)) })
    else if (!same(old, config)) {
      const options = differences(optionsOf(old), optionsOf(config))
      // A listener is one of a pool, which is made as a whole.
      changes.push({ name, change: 'changed', restarts: to?.kind !== 'program' || !isLiveChange(old, config), options })
    }
  }
  return changes
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

type Options = Readonly<Record<string, string>>

/** Of what is added, only what it says itself would be of interest, which nobody remembers: its command is told. */
function differences(from: Options, to: Options): OptionChange[] {
  const isNew = Object.keys(from).length === 0
  const names = isNew ? ['command'] : [...new Set([...Object.keys(from), ...Object.keys(to)])]
  return names.flatMap((option) => {
    const [a = 'none', b = 'none'] = [from[option], to[option]]
    if (a === b) return []
    const [before, after] = [redacted(option, a), redacted(option, b)]
    return [{ option, from: before, to: before === after ? `${after} (another)` : after }]
  })
}

function ownOptions({ kind, priority, events, bufferSize, socket }: GroupConfig): Options {
  const given = { kind, priority, events, buffer_size: bufferSize, socket }
  return texts(given)
}

function optionsOf(config: ProcessConfig): Options {
  const { environment, stdout, stderr, ready, uid, redirectStderr, stopGuard, dependsOn, name, ...plain } = config
  return {
    ...texts(plain),
    ...texts({
      process_name: name,
      user: uid,
      redirect_stderr: redirectStderr,
      stop_guard: stopGuard,
      depends_on: dependsOn,
    }),
    ready: readyText(ready),
    ...channelOptions('stdout', stdout),
    ...channelOptions('stderr', stderr),
    ...Object.fromEntries(Object.entries(environment).map(([key, value]) => [`environment ${key}`, value])),
  }
}

function channelOptions(name: string, { logfile, ...config }: ChannelConfig): Options {
  return texts({
    [`${name}_logfile`]: typeof logfile === 'object' ? logfile.path : logfile,
    [`${name}_logfile_maxbytes`]: config.maxbytes,
    [`${name}_logfile_backups`]: config.backups,
    [`${name}_capture_maxbytes`]: config.captureMaxbytes,
    [`${name}_events_enabled`]: config.eventsEnabled,
    [`${name}_syslog`]: config.syslog,
  })
}

function texts(given: Readonly<Record<string, unknown>>): Options {
  const text = (value: unknown): string => (Array.isArray(value) ? value.join(',') : String(value ?? 'none'))
  return Object.fromEntries(Object.entries(given).map(([option, value]) => [option, text(value)]))
}

function readyText(ready: ReadyConfig | null): string {
  if (ready === null) return 'startsecs'
  if (ready.kind === 'tcp') return `tcp://${ready.host}:${ready.port}`
  if (ready.kind === 'unix') return `unix://${ready.path}`
  if (ready.kind === 'http') return ready.url
  if (ready.kind === 'log') return `log:${ready.pattern}`
  return ready.kind === 'exit' ? 'exit' : `command:${ready.command}`
}

const SECRET = /pass|pwd|secret|token|key|credential|auth|dsn|cookie/i
const SECRET_WORD =
  /((?:^|[\s'"])-{0,2}[\w.-]*(?:pass|pwd|secret|token|key|credential)[\w.-]*(?:=|\s+))(?:"[^"]*"|'[^']*'|\S+)/gi
/** Where a URL begins, also within a word: `BROKER=amqp://...`, `'amqp://...'`, `a://...,b://...`. */
const URL_START = /(?<![a-z\d+.-])(?=[a-z][a-z\d+.-]*:\/\/)/i

function redacted(option: string, text: string): string {
  if (text === 'none') return text
  if (option.startsWith('environment ') && SECRET.test(option.slice('environment '.length))) return '***'
  const words = text.replace(SECRET_WORD, '$1***').split(/(\s+)/)
  return words.map((word) => word.split(URL_START).map(redactUrl).join('')).join('')
}
