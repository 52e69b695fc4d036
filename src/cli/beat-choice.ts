import { relative } from 'node:path'
import type { Command } from 'commander'
import type { BeatProcess } from '../app/config.ts'
import { LovageError } from '../base/errors.ts'
import type { Beat } from '../beat/beat.ts'
import { chosenProcess, noneOf } from './chosen-process.ts'
import type { Target } from './target.ts'

/**
 * The beat that a command line means: the one of the configuration that is named, or its only one, or what the module of
 * `-A` exports.
 * @throws LovageError `MODULE_FAILED`, `SETTING_INVALID` where there is none
 */
export function chosenBeat(target: Target, name: string | undefined, command: Command): Beat {
  const configured = chosenProcess(target, 'beat', name, command)
  if (configured) return beatOf(target, configured)
  const exported = Object.values(target.modules.get(target.source) ?? {}).find(isBeat)
  if (exported) return exported
  throw noneOf('beat', target, "clock: { run: 'beat', module: './beat.ts' }")
}

/** Every beat of a configuration, once: in one process a second of the same would have nothing to do. */
export function beatsOf(target: Target): Beat[] {
  const made = Object.values(target.processes).flatMap((config) =>
    config.run === 'beat' ? [beatOf(target, config)] : [],
  )
  return [...new Set(made)]
}

/** The beat that a module exports. @throws LovageError `MODULE_FAILED` */
function beatOf({ modules }: Target, { module }: BeatProcess): Beat {
  const made = modules.get(module)?.['default']
  if (isBeat(made)) return made
  const problem = made === undefined ? 'it has no default export' : 'its default export is no beat'
  const at = `${relative(process.cwd(), module)}: write export default beat(app, { ... })`
  throw new LovageError('MODULE_FAILED', { module, problem, at })
}

/** By its shape: the module may hold another copy of the package. */
function isBeat(value: unknown): value is Beat {
  if (typeof value !== 'object' || value === null) return false
  const { start, stop, lookEvery, entries } = value as Partial<Beat>
  return [start, stop, lookEvery].every((one) => typeof one === 'function') && typeof entries === 'object'
}
