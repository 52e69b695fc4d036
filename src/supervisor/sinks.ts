import type { OutputSink } from './channels.ts'
import type { ProcessConfig } from './configuration.ts'
import { outputPayload, type Events } from './events.ts'
import type { ListenerPool } from './listener-pool.ts'
import type { MainLog } from './main-log.ts'
import type { LogChannel } from './operations.ts'
import type { Subprocess } from './subprocess.ts'

export interface SinkOptions {
  readonly config: ProcessConfig
  readonly pool: ListenerPool | undefined
  readonly events: Events
  readonly log: MainLog
  /** The process itself: its channels are made before it. */
  readonly find: () => Subprocess
  readonly onOutput: ((name: string, bytes: Buffer) => void) | undefined
}

/** Who is told of what a process writes: its pool, who listens to events, the log at level debug. */
export function sinkOf(channel: LogChannel, { config, pool, events, log, find, onOutput }: SinkOptions): OutputSink {
  const { eventsEnabled, captureMaxbytes } = config[channel]
  const upper = channel === 'stdout' ? 'STDOUT' : 'STDERR'
  const isCopied = log.isLogged('debug')
  const tellsReady = config.ready?.kind === 'log'
  const onLogged = (bytes: Buffer): void => {
    if (tellsReady) find().heard(bytes)
    onOutput?.(config.name, bytes)
    if (isCopied) log.write('debug', `'${config.name}' ${channel} output:\n${bytes.toString()}`)
    if (eventsEnabled) events.notify(`PROCESS_LOG_${upper}`, outputPayload(find(), bytes, channel))
  }
  return {
    onBytes: pool && channel === 'stdout' ? (bytes) => pool.heard(find(), bytes) : undefined,
    onMessage:
      captureMaxbytes > 0
        ? (bytes) => events.notify(`PROCESS_COMMUNICATION_${upper}`, outputPayload(find(), bytes))
        : undefined,
    onLogged: eventsEnabled || isCopied || tellsReady || onOutput ? onLogged : undefined,
  }
}
