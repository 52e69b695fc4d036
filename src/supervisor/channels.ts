import { closeSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import type { ChannelConfig, ProcessConfig } from './configuration.ts'
import type { LogFile, LogFiles } from './log-file.ts'
import type { LogChannel } from './operations.ts'
import { Output } from './output.ts'
import type { Pipes } from './pipes.ts'

/** Who is told of what a channel carries; what is not asked for is undefined. */
export interface OutputSink {
  readonly onBytes?: ((bytes: Buffer) => void) | undefined
  readonly onLogged?: ((bytes: Buffer) => void) | undefined
  readonly onMessage?: ((bytes: Buffer) => void) | undefined
}

interface Channel {
  readonly config: ChannelConfig
  readonly file: LogFile | undefined
  /** undefined: nobody reads it, so that it needs no pipe. */
  readonly pipe: string | undefined
  readonly sink: OutputSink
  output: Output | undefined
}

/** Where log files go that nobody has named, and what their names tell. */
export interface AutoLogs {
  readonly folder: string
  readonly identifier: string
  /** Something that no other has. */
  unique(): string
}

export interface ChannelsOptions {
  readonly config: ProcessConfig
  readonly pipes: Pipes
  readonly logFiles: LogFiles
  readonly auto: AutoLogs
  readonly stripAnsi: boolean
  readonly sinks: Readonly<Record<LogChannel, OutputSink>>
}

/** stdout and stderr of one process, for all its lives. */
export class Channels {
  readonly #options: ChannelsOptions
  readonly #channels: Readonly<Record<LogChannel, Channel>>
  #ended: Promise<unknown> = Promise.resolve()

  private constructor(options: ChannelsOptions, channels: Readonly<Record<LogChannel, Channel>>) {
    this.#options = options
    this.#channels = channels
  }

  /** Makes pipes and log files. Throws what Node throws when a log file cannot be made. */
  static async make(options: ChannelsOptions): Promise<Channels> {
    const { config, pipes, logFiles, auto, sinks } = options
    const make = async (channel: LogChannel): Promise<Channel> => {
      const own = config[channel]
      const { logfile } = own
      const name = `${config.name}-${channel}---${auto.identifier}-${auto.unique()}.log`
      const path = logfile === 'AUTO' ? join(auto.folder, name) : logfile === 'NONE' ? undefined : logfile.path
      const file = path === undefined ? undefined : logFiles.take(path, own, logfile === 'AUTO' ? 0o600 : undefined)
      if (logfile === 'AUTO') await file?.create()
      // It can be read before anything is written; where it cannot be made, the first write tells why.
      else if (path !== undefined && !existsSync(path)) await file?.create().catch(() => {})
      const { onBytes, onLogged, onMessage } = sinks[channel]
      const isRead = file !== undefined || onBytes || onLogged || onMessage
      const pipe = isRead ? await pipes.take() : undefined
      return { config: own, file, pipe, sink: sinks[channel], output: undefined }
    }
    const stdout = await make('stdout')
    const merged: Channel = { config: config.stderr, file: undefined, pipe: undefined, sink: {}, output: undefined }
    return new Channels(options, { stdout, stderr: config.redirectStderr ? merged : await make('stderr') })
  }

  /** The path of a channel's log; undefined: it has none. */
  path(channel: LogChannel): string | undefined {
    return this.#channels[channel].file?.path
  }

  /** Begins to read for a new life; returns the ends that are the child's. */
  open(): { stdout: number | undefined; stderr: number | undefined } {
    const stdout = this.#open('stdout')
    try {
      return { stdout, stderr: this.#options.config.redirectStderr ? stdout : this.#open('stderr') }
    } catch (error) {
      // Where descriptors run out, each try must not take one more.
      if (stdout !== undefined) closeSync(stdout)
      throw error
    }
  }

  /** Reads what is left of a life that has ended. */
  end(): void {
    const outputs = Object.values(this.#channels).map((channel) => {
      const { output } = channel
      channel.output = undefined
      return output?.end()
    })
    this.#ended = Promise.all([this.#ended, ...outputs])
  }

  /** Empties the logs. Throws what Node throws. */
  async clear(): Promise<void> {
    for (const { file } of Object.values(this.#channels)) await file?.clear()
  }

  /** Gives everything back. What has ended is written first. */
  async close(): Promise<void> {
    this.end()
    await this.#ended
    for (const { file, pipe } of Object.values(this.#channels)) {
      if (file) await this.#options.logFiles.giveBack(file)
      if (pipe !== undefined) this.#options.pipes.giveBack(pipe)
    }
  }

  #open(name: LogChannel): number | undefined {
    const channel = this.#channels[name]
    if (channel.pipe === undefined) return undefined
    const { config, pipes, stripAnsi } = this.#options
    const { read, write } = pipes.open(channel.pipe, config.uid)
    channel.output = new Output(read, { config: channel.config, file: channel.file, stripAnsi, ...channel.sink })
    return write
  }
}
