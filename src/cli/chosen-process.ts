import type { Command } from 'commander'
import type { ProcessConfig } from '../app/config.ts'
import { LovageError } from '../base/errors.ts'
import type { Target } from './target.ts'

/**
 * The process of the configuration that a command line means: the one named, or the only one of its kind. Undefined when
 * there is none of that kind. Several, and none named, is an error of the command line.
 */
export function chosenProcess<Run extends ProcessConfig['run']>(
  { processes, source }: Target,
  run: Run,
  name: string | undefined,
  command: Command,
): Extract<ProcessConfig, { run: Run }> | undefined {
  type Chosen = Extract<ProcessConfig, { run: Run }>
  const all = Object.entries(processes).filter(([, process]) => process.run === run) as [string, Chosen][]
  const known = all.map(([each]) => each).join(', ')
  if (name !== undefined) {
    const found = all.find(([each]) => each === name)
    if (found) return found[1]
    return command.error(
      `error: ${source} has no ${run} called ${name}\n${known ? `It has: ${known}.` : `It has no ${run} at all.`}`,
    )
  }
  if (all.length > 1) return command.error(`error: ${source} has several of kind ${run}\nName one of: ${known}.`)
  return all[0]?.[1]
}

/** The error where neither the configuration nor the module of `-A` has one. `example` is how it would be written. */
export function noneOf(run: 'beat' | 'gateway', { source }: Target, example: string): LovageError {
  const fix = `Add one to processes: ${example}, or name its module with -A`
  return new LovageError('SETTING_INVALID', { option: 'processes', source, problem: `has no ${run}`, fix })
}
