import type { EventName } from './event-names.ts'

/** Where a channel's output goes: a path, a file of the supervisor's own choice, or nowhere. */
export type LogTarget = { readonly path: string } | 'AUTO' | 'NONE'

/** What becomes of stdout, or stderr, of a process. */
export interface ChannelConfig {
  readonly logfile: LogTarget
  /** Bytes; 0: the file is never rotated. */
  readonly maxbytes: number
  /** Rotated files that are kept; 0: the file is emptied instead. */
  readonly backups: number
  /** Most bytes of one message between the capture tags; 0: there is no capturing. */
  readonly captureMaxbytes: number
  readonly eventsEnabled: boolean
  readonly syslog: boolean
}

/** How the life of a process goes: all that the state machine reads. */
export interface ProcessRules {
  /** Seconds it must stay up to be RUNNING; 0: any life counts. */
  readonly startsecs: number
  /** Failed starts that are allowed after the first. */
  readonly startretries: number
  readonly autorestart: boolean | 'unexpected'
  readonly exitcodes: readonly number[]
  /** The number of the signal. */
  readonly stopsignal: number
  /** Seconds from the stop signal to SIGKILL. */
  readonly stopwaitsecs: number
  readonly stopasgroup: boolean
  readonly killasgroup: boolean
}

/** How it is known that a process is ready for work; {@link readReady} tells how each is written. */
export type ReadyConfig =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'http'; readonly url: string }
  /** A line of its output that this regular expression matches. */
  | { readonly kind: 'log'; readonly pattern: string }
  /** Ends with 0 when it is. */
  | { readonly kind: 'command'; readonly command: string }
  /** Its own end with one of `exitcodes`: it has work to do once. */
  | { readonly kind: 'exit' }

/** What supervisord knows nothing of: readiness, draining, order. */
export interface KeepingConfig {
  /** null: it is ready when it is RUNNING. */
  readonly ready: ReadyConfig | null
  /** Seconds from its start in which it must be ready. */
  readonly readywaitsecs: number
  /** A command that ends when the process has nothing in hand any more; run before it is stopped. */
  readonly drain: string | null
  /** Seconds that the command may take. */
  readonly drainwaitsecs: number
  /** A command that ends with 0 where the process may be stopped. */
  readonly stopGuard: string | null
  /** Programs and groups that must be ready before it is started. */
  readonly dependsOn: readonly string[]
}

/** One process, every expansion made. */
export interface ProcessConfig extends ProcessRules, KeepingConfig {
  readonly name: string
  /** The name of its program: what stands behind the colon of its section. */
  readonly program: string
  readonly command: string
  readonly directory: string | null
  readonly umask: number | null
  readonly uid: number | null
  readonly priority: number
  readonly autostart: boolean
  readonly redirectStderr: boolean
  readonly stdout: ChannelConfig
  readonly stderr: ChannelConfig
  /** Of `[supervisord]` and the program, the program's winning. */
  readonly environment: Readonly<Record<string, string>>
  /** null: that of the first server there is. */
  readonly serverurl: string | null
}

export interface GroupConfig {
  readonly name: string
  readonly kind: 'program' | 'eventlistener' | 'fcgi-program'
  readonly priority: number
  readonly processes: readonly ProcessConfig[]
  /** The section it comes from, without brackets. */
  readonly section: string
  /** Of an eventlistener. */
  readonly events?: readonly EventName[]
  readonly bufferSize?: number
  /** Of an fcgi-program. */
  readonly socket?: string
}

interface Access {
  /** The section it comes from, without brackets. */
  readonly section: string
  readonly name: string | null
  readonly username: string | null
  /** Clear, or `{SHA}` and the SHA-1 in hexadecimal. */
  readonly password: string | null
}

export interface InetServerConfig extends Access {
  readonly kind: 'inet'
  /** '': all addresses. */
  readonly host: string
  readonly port: number
  /** Names by which requests may call this machine, besides its own. */
  readonly allowedHosts: readonly string[]
}

export interface UnixServerConfig extends Access {
  readonly kind: 'unix'
  readonly file: string
  readonly chmod: number
  /** -1: as it is. */
  readonly chown: readonly [uid: number, gid: number]
}

export type ServerConfig = InetServerConfig | UnixServerConfig

/** `[supervisorctl]`. */
export interface ControlConfig {
  readonly serverurl: string
  readonly username: string | null
  readonly password: string | null
  readonly prompt: string
}

/** A level of supervisord's log, least first. */
export const LOG_LEVELS = ['blather', 'trace', 'debug', 'info', 'warn', 'error', 'critical'] as const

export type SupervisorLogLevel = (typeof LOG_LEVELS)[number]

/** A whole configuration, read and checked. */
export interface SupervisorConfig {
  /** The file it was read from, absolute. */
  readonly file: string
  readonly logfile: string | null
  readonly logfileMaxbytes: number
  readonly logfileBackups: number
  readonly loglevel: SupervisorLogLevel
  readonly pidfile: string
  readonly umask: number
  readonly nodaemon: boolean
  readonly silent: boolean
  readonly minfds: number
  readonly minprocs: number
  readonly nocleanup: boolean
  readonly childlogdir: string
  readonly user: string | null
  readonly directory: string | null
  readonly stripAnsi: boolean
  readonly identifier: string
  readonly environment: Readonly<Record<string, string>>
  /** Sorted by priority, then name. */
  readonly groups: readonly GroupConfig[]
  readonly servers: readonly ServerConfig[]
  readonly control: ControlConfig
  /** What supervisord tells of it too. */
  readonly warnings: readonly string[]
  /** What is there without effect: options and sections that nobody reads. */
  readonly ignored: readonly string[]
}
