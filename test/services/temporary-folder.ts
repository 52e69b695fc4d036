import { afterAll } from 'vitest'
import { removeFolder, temporaryFolder as folderOfProcess } from './reaper.ts'

/** A folder of the test file's own, gone after its last test. */
export function temporaryFolder(): string {
  const folder = folderOfProcess('test')
  // Hooks of this kind run last to first: whoever uses the folder is stopped before it goes.
  afterAll(() => removeFolder(folder))
  return folder
}
