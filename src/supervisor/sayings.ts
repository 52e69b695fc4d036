import type { ProcessRules, SupervisorLogLevel } from './configuration.ts'
import type { ProcessEvent, StateChange } from './machine.ts'

/** supervisord's line for a change of state; undefined: it says nothing. */
export function sayingOf(
  name: string,
  { to, expected }: StateChange,
  event: ProcessEvent,
  rules: ProcessRules,
): [level: SupervisorLogLevel, text: string] | undefined {
  switch (to) {
    case 'RUNNING':
      return [
        'info',
        `success: ${name} entered RUNNING state, process has stayed up for > than ${rules.startsecs} seconds (startsecs)`,
      ]
    case 'FATAL':
      return ['info', `gave up: ${name} entered FATAL state, too many start retries too quickly`]
    case 'BACKOFF':
      return event.type === 'exited' ? ['warn', `exited: ${name} (${endOf(event)}; not expected)`] : undefined
    case 'EXITED':
      if (event.type !== 'exited') return undefined
      return expected
        ? ['info', `exited: ${name} (${endOf(event)}; expected)`]
        : ['warn', `exited: ${name} (${endOf(event)}; not expected)`]
    case 'STOPPED':
      if (event.type !== 'exited') return undefined
      return [rules.exitcodes.includes(event.code ?? -1) ? 'info' : 'warn', `stopped: ${name} (${endOf(event)})`]
    default:
      return undefined
  }
}

function endOf({ code, signal }: ProcessEvent & { type: 'exited' }): string {
  return code === null ? `terminated by ${signal}` : `exit status ${code}`
}
