import { existsSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * The URL of the command of another copy of Lovage that the project in `folder` has installed; undefined where there is
 * none. A `lovage` that is installed globally lets that one work: with two copies in one process, tasks would be
 * registered in one and looked for in the other.
 */
export function projectsOwnCopy(folder: string): string | undefined {
  const theirs = rootSeenFrom(join(folder, 'lovage'))
  if (theirs === undefined || theirs === rootSeenFrom(import.meta.url)) return undefined
  const command = join(theirs, 'dist/cli/main.js')
  return existsSync(command) ? pathToFileURL(command).href : undefined
}

/** The folder of the copy that an import from `file` would find. */
function rootSeenFrom(file: string): string | undefined {
  try {
    return realpathSync(dirname(createRequire(file).resolve('lovage/package.json')))
  } catch {
    return undefined
  }
}
