import { log } from '../../base/log.ts'
import { CONF } from './conf.ts'
import { LIFE } from './life.ts'
import { LOOK } from './look.ts'
import { type Command, type Given, nok, type Panel, raised } from './panel.ts'
import { QUEUES } from './queues.ts'
import { STATS } from './stats.ts'
import { TASKS } from './tasks.ts'

/** Every command, by the name that it has in Celery. */
const COMMANDS: ReadonlyMap<string, Command> = new Map(
  Object.entries({ ...LOOK, ...STATS, ...CONF, ...QUEUES, ...TASKS, ...LIFE }),
)

/** Names of all commands. */
export const COMMAND_NAMES: readonly string[] = [...COMMANDS.keys()]

/** Does a command and gives the answer: what is wrong with it is told as Python would. */
export function perform(panel: Panel, method: string, given: Given): unknown {
  const command = COMMANDS.get(method)
  if (!command) {
    log('error', 'worker', 'there is no such command', { command: method })
    return raised('KeyError', method)
  }
  const { needs = [], takes } = command
  const missing = needs.filter((name) => given[name] === undefined)
  if (missing.length > 0) return nok(`TypeError(${JSON.stringify(missingText(method, missing))})`)
  const odd = takes && Object.keys(given).find((name) => !takes.includes(name))
  if (odd !== undefined) {
    return nok(`TypeError(${JSON.stringify(`${method}() got an unexpected keyword argument '${odd}'`)})`)
  }
  return command.run(panel, given)
}

function missingText(method: string, missing: readonly string[]): string {
  const quoted = missing.map((name) => `'${name}'`)
  const last = quoted.pop()
  const list = quoted.length > 0 ? `${quoted.join(', ')} and ${last}` : last
  return `${method}() missing ${missing.length} required positional argument${quoted.length > 0 ? 's' : ''}: ${list}`
}
