import type { LogChannel, LogTail, Operations } from './operations.ts'
import type { RpcValue } from './xml-rpc.ts'

type RpcType = 'array' | 'boolean' | 'int' | 'string' | 'struct'

/** One method of supervisord's XML-RPC. */
export interface RpcMethod {
  readonly returns: RpcType
  readonly takes: readonly ('boolean' | 'int' | 'string')[]
  /** How many of them must be given. */
  readonly least: number
  readonly help: string
  readonly call: (operations: Operations, params: readonly never[]) => unknown
}

type Call = (operations: Operations, ...params: never[]) => unknown

interface Given {
  readonly takes?: RpcMethod['takes']
  readonly least?: number
}

export function method(returns: RpcType, help: string, call: Call, { takes = [], least }: Given = {}): RpcMethod {
  return { returns, takes, least: least ?? takes.length, help, call: (on, params) => call(on, ...params) }
}

const NAME = { takes: ['string'] } as const
const NAME_WAIT = { takes: ['string', 'boolean'], least: 1 } as const
const WAIT = { takes: ['boolean'], least: 0 } as const
const SPAN = { takes: ['int', 'int'] } as const
const NAME_SPAN = { takes: ['string', 'int', 'int'] } as const
const NAME_TEXT = { takes: ['string', 'string'] } as const

const reading =
  (channel: LogChannel): Call =>
  (on, name: string, offset: number, length: number) =>
    on.readProcessLog(name, channel, offset, length)

const tailing =
  (channel: LogChannel): Call =>
  async (on, name: string, offset: number, length: number) =>
    tailArray(await on.tailProcessLog(name, channel, offset, length))

const tailArray = ({ text, offset, overflow }: LogTail): RpcValue => [text, offset, overflow]

const getVersion = method('string', 'Version of this interface.', (on) => on.getAPIVersion())
const readLog = method(
  'string',
  'Bytes of the log of the supervisor. An offset below 0 with length 0: the last so many; length 0: up to the end.',
  (on, offset: number, length: number) => on.readLog(offset, length),
  SPAN,
)
const readStdout = method('string', 'Bytes of the stdout log of a process, as readLog.', reading('stdout'), NAME_SPAN)
const tailStdout = method(
  'array',
  'The end of the stdout log of a process: text, size of the log, whether there was more than was asked for.',
  tailing('stdout'),
  NAME_SPAN,
)
const clearLogs = method(
  'boolean',
  'Empties the logs of a process.',
  (on, name: string) => on.clearProcessLogs(name),
  NAME,
)

/**
 * supervisord's methods with its names for them, old ones too, and what they take (supervisor/rpcinterface.py). The names
 * have `supervisor.` before them.
 */
export const RPC_METHODS: Readonly<Record<string, RpcMethod>> = {
  addProcessGroup: method(
    'boolean',
    'Takes a group of the configuration in, and starts what is to start by itself.',
    (on, name: string) => on.addProcessGroup(name),
    NAME,
  ),
  clearAllProcessLogs: method('array', 'Empties the logs of all processes.', (on) => on.clearAllProcessLogs()),
  clearLog: method('boolean', 'Empties the log of the supervisor.', (on) => on.clearLog()),
  clearProcessLog: clearLogs,
  clearProcessLogs: clearLogs,
  getAPIVersion: getVersion,
  getAllConfigInfo: method('array', 'The configuration of all processes.', (on) => on.getAllConfigInfo()),
  getAllProcessInfo: method('array', 'All processes and how they are.', (on) => on.getAllProcessInfo()),
  getIdentification: method('string', 'The identifier from the configuration.', (on) => on.getIdentification()),
  getPID: method('int', 'Process id of the supervisor.', (on) => on.getPID()),
  getProcessInfo: method('struct', 'One process and how it is.', (on, name: string) => on.getProcessInfo(name), NAME),
  getState: method('struct', 'State of the supervisor: statecode and statename.', (on) => on.getState()),
  getSupervisorVersion: method('string', 'Version of the supervisor.', (on) => on.getSupervisorVersion()),
  getVersion,
  readLog,
  readMainLog: readLog,
  readProcessLog: readStdout,
  readProcessStderrLog: method(
    'string',
    'Bytes of the stderr log of a process, as readLog.',
    reading('stderr'),
    NAME_SPAN,
  ),
  readProcessStdoutLog: readStdout,
  reloadConfig: method(
    'array',
    'Reads the configuration again and tells what differs: [[added, changed, removed]]. Changes nothing.',
    async (on) => {
      const { added, changed, removed } = await on.reloadConfig()
      return [[added, changed, removed]]
    },
  ),
  removeProcessGroup: method(
    'boolean',
    'Lets a group go whose processes are all stopped.',
    (on, name: string) => on.removeProcessGroup(name),
    NAME,
  ),
  restart: method('boolean', 'Stops all, and starts anew with the configuration as it is then.', (on) => on.restart()),
  sendProcessStdin: method(
    'boolean',
    'Writes to the stdin of a process.',
    (on, name: string, chars: string) => on.sendProcessStdin(name, chars),
    NAME_TEXT,
  ),
  sendRemoteCommEvent: method(
    'boolean',
    'Tells event listeners of a type and data.',
    (on, type: string, data: string) => on.sendRemoteCommEvent(type, data),
    NAME_TEXT,
  ),
  shutdown: method('boolean', 'Stops all, and ends.', (on) => on.shutdown()),
  signalAllProcesses: method(
    'array',
    'Sends a signal to all processes.',
    (on, signal: string) => on.signalAllProcesses(signal),
    NAME,
  ),
  signalProcess: method(
    'boolean',
    'Sends a signal to a process.',
    (on, name: string, signal: string) => on.signalProcess(name, signal),
    NAME_TEXT,
  ),
  signalProcessGroup: method(
    'array',
    'Sends a signal to all processes of a group.',
    (on, name: string, signal: string) => on.signalProcessGroup(name, signal),
    NAME_TEXT,
  ),
  startAllProcesses: method(
    'array',
    'Starts all; with wait, answers when they are RUNNING.',
    (on, wait?: boolean) => on.startAllProcesses(wait),
    WAIT,
  ),
  startProcess: method(
    'boolean',
    'Starts a process; with wait, answers when it is RUNNING.',
    (on, name: string, wait?: boolean) => on.startProcess(name, wait),
    NAME_WAIT,
  ),
  startProcessGroup: method(
    'array',
    'Starts a group; with wait, answers when all of it are RUNNING.',
    (on, name: string, wait?: boolean) => on.startProcessGroup(name, wait),
    NAME_WAIT,
  ),
  stopAllProcesses: method(
    'array',
    'Stops all; with wait, answers when they have ended.',
    (on, wait?: boolean) => on.stopAllProcesses(wait),
    WAIT,
  ),
  stopProcess: method(
    'boolean',
    'Stops a process; with wait, answers when it has ended.',
    (on, name: string, wait?: boolean) => on.stopProcess(name, wait),
    NAME_WAIT,
  ),
  stopProcessGroup: method(
    'array',
    'Stops a group; with wait, answers when all of it have ended.',
    (on, name: string, wait?: boolean) => on.stopProcessGroup(name, wait),
    NAME_WAIT,
  ),
  tailProcessLog: tailStdout,
  tailProcessStderrLog: method('array', 'The end of the stderr log of a process.', tailing('stderr'), NAME_SPAN),
  tailProcessStdoutLog: tailStdout,
}
