import { isLovageError, LovageError } from '../base/errors.ts'

interface Fault {
  /** supervisord's number of it, as XML-RPC carries it. */
  readonly code: number
  /** What to do next. */
  readonly fix: string
}

/** supervisord's faults by name. */
export const FAULTS = {
  UNKNOWN_METHOD: { code: 1, fix: 'Call system.listMethods for those there are' },
  INCORRECT_PARAMETERS: { code: 2, fix: 'Call system.methodHelp for what the method takes' },
  BAD_ARGUMENTS: { code: 3, fix: 'A length is not negative, and with a negative offset it is 0' },
  SIGNATURE_UNSUPPORTED: { code: 4, fix: 'Call system.listMethods for those there are' },
  SHUTDOWN_STATE: { code: 6, fix: 'Wait until the supervisor is up again' },
  BAD_NAME: { code: 10, fix: 'See `status` for the names, group:name for one of a group' },
  BAD_SIGNAL: { code: 11, fix: 'Name it as kill(1) does: TERM, SIGHUP, 10' },
  NO_FILE: { code: 20, fix: 'See that the file is where the configuration says' },
  NOT_EXECUTABLE: { code: 21, fix: 'Correct the command, or set its x bit' },
  FAILED: { code: 30, fix: 'See the log of the supervisor' },
  ABNORMAL_TERMINATION: { code: 40, fix: 'See the log of the process' },
  SPAWN_ERROR: { code: 50, fix: 'See the log of the process, and its description in `status`' },
  ALREADY_STARTED: { code: 60, fix: 'Stop it first, or call restart' },
  NOT_RUNNING: { code: 70, fix: 'Start it first' },
  SUCCESS: { code: 80, fix: 'Nothing is to be done' },
  ALREADY_ADDED: { code: 90, fix: 'Remove the group first, or call update' },
  STILL_RUNNING: { code: 91, fix: 'Stop the group first' },
  CANT_REREAD: { code: 92, fix: 'Correct the configuration; what runs goes on as it was' },
} as const satisfies Record<string, Fault>

export type FaultName = keyof typeof FAULTS

/** The error of a fault. Its text is supervisord's: the name alone, or `NAME: detail`. */
export function faultError(fault: FaultName, detail?: string): LovageError {
  const { code, fix } = FAULTS[fault]
  return new LovageError('SUPERVISOR_FAULT', {
    fault,
    number: code,
    text: detail === undefined ? fault : `${fault}: ${detail}`,
    fix,
  })
}

/** Number, name and text of a fault that was thrown; undefined for any other error. */
export function faultOf(error: unknown): { code: number; name: FaultName; text: string } | undefined {
  if (!isLovageError(error, 'SUPERVISOR_FAULT')) return undefined
  const { fault, number, text } = error.details as { fault: FaultName; number: number; text: string }
  return { code: number, name: fault, text }
}

/** The error of a fault that another supervisor has answered with. */
export function faultAnswered({ faultCode, faultString }: { faultCode: number; faultString: string }): LovageError {
  const [name = 'FAILED', { fix }] = Object.entries(FAULTS).find(([, { code }]) => code === faultCode) ?? [
    'FAILED',
    FAULTS.FAILED,
  ]
  return new LovageError('SUPERVISOR_FAULT', { fault: name, number: faultCode, text: faultString, fix })
}
