import { accessSync, constants, statSync, type Stats } from 'node:fs'
import { join, resolve } from 'node:path'
import { messageOf } from '../base/errors.ts'
import type { ProcessConfig } from './configuration.ts'
import { splitWords } from './words.ts'

/** What is to be executed. */
export interface Command {
  readonly file: string
  readonly argv: readonly [string, ...string[]]
}

/** Why a command cannot be: its file is not there, or it is nothing that can be executed. */
export interface BadCommand {
  readonly fault: 'NO_FILE' | 'NOT_EXECUTABLE'
  readonly reason: string
}

/**
 * Finds the file of a command before anything is started, as an error afterwards would not tell one problem from the other.
 * `path` is the PATH of the supervisor; the program's own wins.
 */
export function findCommand(
  config: Pick<ProcessConfig, 'command' | 'environment' | 'directory'>,
  path: string,
): Command | BadCommand {
  let words: string[]
  try {
    words = splitWords(config.command)
  } catch (error) {
    return bad('NOT_EXECUTABLE', `can't parse command '${config.command}': it ${messageOf(error)}`)
  }
  const [name, ...args] = words
  if (name === undefined) return bad('NOT_EXECUTABLE', 'command is empty')
  const { file, found } = find(name, config, path)
  if (!found) return bad('NO_FILE', `can't find command '${file}'`)
  if (found.isDirectory()) return bad('NOT_EXECUTABLE', `command at '${file}' is a directory`)
  if ((found.mode & 0o111) === 0) return bad('NOT_EXECUTABLE', `command at '${file}' is not executable`)
  if (!mayExecute(file)) return bad('NOT_EXECUTABLE', `no permission to run command '${file}'`)
  return { file, argv: [name, ...args] }
}

const bad = (fault: BadCommand['fault'], reason: string): BadCommand => ({ fault, reason })

function find(
  name: string,
  { environment, directory }: Pick<ProcessConfig, 'environment' | 'directory'>,
  path: string,
): { file: string; found?: Stats | undefined } {
  const look = (file: string): Stats | undefined => {
    try {
      return statSync(file, { throwIfNoEntry: false })
    } catch {
      return undefined
    }
  }
  // A relative name is looked up where the program will be.
  if (name.includes('/')) return { file: name, found: look(resolve(directory || '.', name)) }
  for (const folder of (environment['PATH'] ?? path).split(':')) {
    const file = join(folder, name)
    const found = look(file)
    if (found) return { file, found }
  }
  return { file: name }
}

function mayExecute(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
