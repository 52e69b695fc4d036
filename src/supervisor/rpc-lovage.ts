import { method, type RpcMethod } from './rpc-methods.ts'

const NAME_FORCE = { takes: ['string', 'boolean'], least: 1 } as const
const FORCE = { takes: ['boolean'], least: 0 } as const

/** What supervisord has no method for. The names have `lovage.` before them. */
export const LOVAGE_METHODS: Readonly<Record<string, RpcMethod>> = {
  configDiff: method(
    'array',
    'Reads the configuration again and tells how it differs from what runs, option by option. Changes nothing.',
    (on) => on.configDiff(),
  ),
  applyGroup: method(
    'array',
    'Has a group be as configDiff has told; takes its fingerprint from there.',
    (on, name: string, fingerprint: string) => on.applyGroup(name, fingerprint),
    { takes: ['string', 'string'] },
  ),
  restartProcess: method(
    'boolean',
    'Drains a process, stops it, starts it, and answers when it is ready; with force also where it could not be drained.',
    (on, name: string, force?: boolean) => on.restartProcess(name, force),
    NAME_FORCE,
  ),
  rollingRestart: method(
    'array',
    'The same with the processes of a group, one after the other: what came of each, up to the first that failed.',
    (on, name: string, force?: boolean) => on.rollingRestart(name, force),
    NAME_FORCE,
  ),
  stopProcess: method(
    'boolean',
    'Drains and stops a process, and answers when it has ended; with force its stop_guard is not asked.',
    (on, name: string, force?: boolean) => on.stopProcess(name, true, force),
    NAME_FORCE,
  ),
  stopProcessGroup: method(
    'array',
    'The same with all processes of a group.',
    (on, name: string, force?: boolean) => on.stopProcessGroup(name, true, force),
    NAME_FORCE,
  ),
  stopAllProcesses: method(
    'array',
    'The same with all processes.',
    (on, force?: boolean) => on.stopAllProcesses(true, force),
    FORCE,
  ),
}
